//! The same test for each database that this build supports.

/// Makes a test of each function for each database, in modules with their names.
macro_rules! on_every_system {
    ($($test:ident)*) => {
        mod sqlite {
            $(#[test] fn $test() { super::$test(testkit::system::System::Sqlite); })*
        }
        crate::systems::on_every_server!($($test)*);
    };
}

/// The same without SQLite, which has no server.
macro_rules! on_every_server {
    ($($test:ident)*) => {
        #[cfg(feature = "postgres")]
        mod postgresql {
            $(#[test] fn $test() { super::$test(testkit::system::System::Postgresql); })*
        }
        #[cfg(feature = "mysql")]
        mod mariadb {
            $(#[test] fn $test() { super::$test(testkit::system::System::Mariadb); })*
        }
    };
}

pub(crate) use {on_every_server, on_every_system};
