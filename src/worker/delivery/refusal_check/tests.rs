//! One lane's decision about refusals; the breaker is a real one.
