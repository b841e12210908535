//! The plot: mails per second by number of connections, a curve for each sender, as SVG.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use testkit::bench::row::{Row, figure};

/// The name of a sender, and its mails per second for some numbers of connections.
struct Curve<'a> {
    system: &'a str,
    points: Vec<(f64, f64)>,
}

/// Colours that colour-blind people can distinguish (Okabe and Ito), on white. The picture has a white background of
/// its own, for dark pages.
const COLOURS: [RGBColor; 7] = [
    RGBColor(90, 90, 90),
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(150, 110, 0),
    RGBColor(86, 180, 233),
];
const SIZE: (u32, u32) = (1000, 520);
/// Width of the legend.
const LEGEND: u32 = 220;

/// Draws the rows that have a place in the plot into a file. Without such rows it writes no file.
///
/// # Errors
/// When the file cannot be written.
pub fn draw<'a>(rows: impl Iterator<Item = &'a Row>, path: &Path) -> Result<(), Box<dyn Error>> {
    let curves = curves(rows);
    let points = || curves.iter().flat_map(|curve| curve.points.iter().copied());
    let Some(fastest) = points().map(|(_, rate)| rate).max_by(f64::total_cmp) else {
        return Ok(());
    };
    let most = points().map(|(connections, _)| connections).fold(2.0, f64::max);

    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let (left, right) = area.split_horizontally(SIZE.0 - LEGEND);
    let mut chart = ChartBuilder::on(&left)
        .caption("Mails per second over SMTP connections", ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(72)
        .build_cartesian_2d((0.9..most * 1.1).log_scale().base(2.0), 0.0..fastest * 1.1)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(220, 220, 220))
        .x_desc("connections (logarithmic)")
        .y_desc("mails/s")
        .x_label_formatter(&|connections| format!("{connections:.0}"))
        .y_label_formatter(&|rate| if *rate < 1.0 { "0".to_owned() } else { figure(*rate) })
        .label_style(("sans-serif", 15))
        .draw()?;
    let mut line = 60;
    for (Curve { system, points }, colour) in curves.iter().zip(COLOURS.into_iter().cycle()) {
        chart.draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)))?;
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 4, colour.filled())))?;
        // Beside the chart, where the legend hides no curve.
        right.draw(&PathElement::new([(0, line + 8), (24, line + 8)], colour.stroke_width(3)))?;
        right.draw(&Text::new(*system, (32, line), ("sans-serif", 15)))?;
        line += 26;
    }
    area.present()?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a few connections")]
fn curves<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<Curve<'a>> {
    let mut curves: Vec<Curve> = Vec::new();
    for row in rows {
        let (Some((system, connections)), Some(rate)) = (&row.point, row.value()) else {
            continue;
        };
        let at = curves.iter().position(|curve| curve.system == system).unwrap_or_else(|| {
            curves.push(Curve { system, points: Vec::new() });
            curves.len() - 1
        });
        curves[at].points.push((*connections as f64, rate));
    }
    for curve in &mut curves {
        curve.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    curves
}
