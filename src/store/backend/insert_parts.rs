//! How many rows one INSERT has: as many values as a statement may bind, and no more bytes than a server takes at once.

use crate::store::schema::INSERT_ROWS;

/// Most bytes of text in one INSERT, unless it is one row: `MariaDB` ends the connection over a larger packet than `max_allowed_packet`,
/// which is 16 MiB by default and 1 MiB at least in old versions.
const INSERT_BYTES: usize = 512 * 1024;

/// The rows in parts, each for one INSERT. `size`: the bytes of text in a row.
pub fn insert_parts<Row>(rows: &[Row], size: impl Fn(&Row) -> usize) -> impl Iterator<Item = &[Row]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |row: &&Row| {
            bytes += size(row);
            bytes <= INSERT_BYTES
        };
        let number = rest.iter().take(INSERT_ROWS).take_while(fits).count().max(1).min(rest.len());
        let (part, others) = rest.split_at(number);
        rest = others;
        (!part.is_empty()).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_no_more_rows_and_bytes_than_one_insert_takes() {
        let parts = |sizes: &[usize]| -> Vec<usize> {
            insert_parts(sizes, |size| *size).map(<[usize]>::len).collect()
        };
        assert_eq!(parts(&[]), [0; 0]);
        assert_eq!(parts(&vec![1; 2500]), [1000, 1000, 500]);
        assert_eq!(parts(&[INSERT_BYTES / 3; 7]), [3, 3, 1]);
        assert_eq!(parts(&[INSERT_BYTES * 2, INSERT_BYTES * 2, 1]), [1, 1, 1]);
    }
}
