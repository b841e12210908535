//! Made-up people with names of many languages: umlauts, apostrophes, other scripts, and one name that is markup if a
//! template does not escape it. All addresses are in domains that are reserved for examples (RFC 2606).

use crate::store::source::new_rows::NewParticipant;

/// Names of one language, each with its spelling in an address.
struct Culture {
    locale: Option<&'static str>,
    family_first: bool,
    given: [(&'static str, &'static str); 4],
    family: [(&'static str, &'static str); 4],
}

/// Person number `n` of the database; the number makes the address unique.
pub fn made_up(n: u64, event_id: i64) -> NewParticipant {
    // One in a hundred, so that 250 participants have two.
    if n % 100 == 13 {
        return NewParticipant {
            event_id,
            email: format!("bobby.{n}@example.org"),
            name: "Bobby <b>Tables</b> & Sons".to_owned(),
            locale: None,
        };
    }
    let culture = pick(&CULTURES, n);
    let rest = n / CULTURES.len() as u64;
    let (given, given_ascii) = pick(&culture.given, rest);
    let (family, family_ascii) = pick(&culture.family, rest + rest / 4);
    let name = if culture.family_first { format!("{family} {given}") } else { format!("{given} {family}") };
    let domain = if n.is_multiple_of(3) { "example.org" } else { "example.com" };
    NewParticipant {
        event_id,
        email: format!("{given_ascii}.{family_ascii}.{n}@{domain}"),
        name,
        locale: culture.locale.map(str::to_owned),
    }
}

/// Whether [`made_up`] has made this address: it has the number of the person in it.
pub fn is_made_up(email: &str) -> bool {
    let number = || email.split_once('@')?.0.rsplit_once('.')?.1.parse().ok();
    number().is_some_and(|number| made_up(number, 0).email == email)
}

/// Entry `n`, starting again after the last one.
fn pick<T, const N: usize>(list: &[T; N], n: u64) -> &T {
    &list[usize::try_from(n % N as u64).unwrap_or(0)]
}

const CULTURES: [Culture; 10] = [
    Culture {
        locale: Some("de"),
        family_first: false,
        given: [("Jürgen", "juergen"), ("Zoë", "zoe"), ("Käthe", "kaethe"), ("Sören", "soeren")],
        family: [
            ("Müller", "mueller"),
            ("Groß", "gross"),
            ("Schäfer", "schaefer"),
            ("von der Höh", "vonderhoeh"),
        ],
    },
    Culture {
        locale: Some("en-GB"),
        family_first: false,
        given: [("Alice", "alice"), ("Oliver", "oliver"), ("Siân", "sian"), ("George", "george")],
        family: [
            ("Harris", "harris"),
            ("Smith-Jones", "smith-jones"),
            ("Taylor", "taylor"),
            ("Evans", "evans"),
        ],
    },
    Culture {
        locale: Some("en-IE"),
        family_first: false,
        given: [("Aoife", "aoife"), ("Seán", "sean"), ("Niamh", "niamh"), ("Conor", "conor")],
        family: [("O'Brien", "obrien"), ("O'Shea", "oshea"), ("Murphy", "murphy"), ("D'Arcy", "darcy")],
    },
    Culture {
        locale: Some("fr"),
        family_first: false,
        given: [("Chloé", "chloe"), ("François", "francois"), ("Maëlle", "maelle"), ("Jérôme", "jerome")],
        family: [
            ("Lefèvre", "lefevre"),
            ("d'Aboville", "daboville"),
            ("Garçon", "garcon"),
            ("Dupont", "dupont"),
        ],
    },
    Culture {
        locale: Some("ja"),
        family_first: true,
        given: [("陽菜", "hina"), ("蓮", "ren"), ("さくら", "sakura"), ("大翔", "hiroto")],
        family: [("佐藤", "sato"), ("鈴木", "suzuki"), ("高橋", "takahashi"), ("渡辺", "watanabe")],
    },
    Culture {
        locale: Some("zh-CN"),
        family_first: true,
        given: [("秀英", "xiuying"), ("伟", "wei"), ("静", "jing"), ("建国", "jianguo")],
        family: [("王", "wang"), ("李", "li"), ("张", "zhang"), ("刘", "liu")],
    },
    Culture {
        locale: Some("pl"),
        family_first: false,
        given: [("Łukasz", "lukasz"), ("Małgorzata", "malgorzata"), ("Paweł", "pawel"), ("Żaneta", "zaneta")],
        family: [("Wójcik", "wojcik"), ("Wróbel", "wrobel"), ("Mróz", "mroz"), ("Zając", "zajac")],
    },
    Culture {
        locale: Some("tr"),
        family_first: false,
        given: [("Ayşe", "ayse"), ("İbrahim", "ibrahim"), ("Gülşen", "gulsen"), ("Çağlar", "caglar")],
        family: [("Yılmaz", "yilmaz"), ("Öztürk", "ozturk"), ("Şahin", "sahin"), ("Doğan", "dogan")],
    },
    Culture {
        locale: None,
        family_first: false,
        given: [("María José", "mariajose"), ("Íñigo", "inigo"), ("Ximena", "ximena"), ("Ángel", "angel")],
        family: [("Núñez", "nunez"), ("García Márquez", "garcia"), ("Peña", "pena"), ("Ibáñez", "ibanez")],
    },
    Culture {
        locale: Some("uk"),
        family_first: false,
        given: [("Олена", "olena"), ("Тарас", "taras"), ("Оксана", "oksana"), ("Андрій", "andriy")],
        family: [
            ("Шевченко", "shevchenko"),
            ("Коваленко", "kovalenko"),
            ("Бондар", "bondar"),
            ("Мельник", "melnyk"),
        ],
    },
];
