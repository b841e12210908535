//! Serves HTTP/1 in a thread of its own, which shares nothing with the rest of the worker but what its routes read. Connections, request
//! heads, bodies and times are bounded, so that clients can neither fill the memory nor keep out others for long. No TLS: a proxy in
//! front of it has the certificate. What is answered is left to `probes` and its neighbours.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustix::process::nice;
use tokio::net::TcpStream;
use tokio::runtime::{self, Runtime};
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};
use tower_http::timeout::TimeoutLayer;

use crate::exit_code::{HasExitCode, MISCONFIGURED};
use crate::http::client::Peer;
use crate::http::server::connections::{Asked, Connections};

mod connections;

/// The name of the thread, and of those in which its blocking calls run.
pub const THREAD: &str = "http";
/// How far these threads step back behind the others of the process (nice): a flood of requests must not slow down mails.
const NICE: i32 = 10;
/// Threads for calls that block.
const BLOCKING_THREADS: usize = 2;
/// Connections that the system keeps until this thread takes them. When there is no place, the next client tries again after a second.
const BACKLOG: i32 = 1024;
/// Longest request head, in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// Longest body of a request, in bytes, where a route says nothing else.
const MAX_BODY: usize = 64 * 1024;
/// Longest time for a request head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time from a request head to its response: for the body, and for what the response takes.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time for all of a connection, which carries one request.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(20);
/// How long requests may go on after the server was stopped.
const GRACE: Duration = Duration::from_secs(1);

/// `HTTP_ADDR` cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("HTTP_ADDR {addr} cannot be served; choose a free port and an address of this machine")]
pub struct HttpError {
    addr: SocketAddr,
    source: io::Error,
}

impl HasExitCode for HttpError {
    fn exit_code(&self) -> u8 {
        MISCONFIGURED
    }
}

/// A running server. It stops when this is dropped.
#[derive(Debug)]
pub struct HttpServer {
    /// The address, with the port that the system chose if it was 0.
    pub addr: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl HttpServer {
    /// Takes no further request, and waits a moment for those that have begun.
    pub fn finish(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            log::debug!("http: the thread had panicked");
        }
    }
}

/// Serves `routes` at `addr`; `paths` are theirs, for the log.
///
/// # Errors
/// When the address is taken or is not this machine's, or there is no thread for it.
pub fn serve(addr: SocketAddr, paths: &str, routes: Router) -> Result<HttpServer, HttpError> {
    start(addr, paths, routes).map_err(|source| HttpError { addr, source })
}

fn start(addr: SocketAddr, paths: &str, routes: Router) -> io::Result<HttpServer> {
    let listener = TcpListener::bind(addr)?;
    // A second time: the standard library has a fixed backlog of 128.
    rustix::net::listen(&listener, BACKLOG)?;
    listener.set_nonblocking(true)?;
    let bound = listener.local_addr()?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .thread_name(THREAD)
        .max_blocking_threads(BLOCKING_THREADS)
        .build()?;
    let (stop, stopped) = oneshot::channel();
    let limits = TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, ANSWER_TIMEOUT);
    let routes = routes.layer(DefaultBodyLimit::max(MAX_BODY)).layer(limits);
    let thread = thread::Builder::new().name(THREAD.to_owned()).spawn(move || {
        // On Linux it is about this thread, and those that it starts.
        if let Err(error) = nice(NICE) {
            log::debug!("http: the thread keeps its priority: {error}");
        }
        run(&runtime, listener, &routes, stopped);
        // A call that does not return must not hold up the worker.
        runtime.shutdown_background();
    })?;
    log::info!("serving {paths} on http://{bound}");
    Ok(HttpServer { addr: bound, stop, thread })
}

/// Serves until `stopped` resolves.
fn run(runtime: &Runtime, listener: TcpListener, routes: &Router, stopped: oneshot::Receiver<()>) {
    let ended = runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let connections = GracefulShutdown::new();
        tokio::select! {
            () = accept(&listener, routes, &connections) => {}
            _ = stopped => {}
        }
        drop(listener);
        // Connections without a request end at once.
        if timeout(GRACE, connections.shutdown()).await.is_err() {
            log::debug!("http: requests were given up because the worker stops");
        }
        io::Result::Ok(())
    });
    if let Err(error) = ended {
        log::error!("http: {error}");
    }
}

/// Takes connections for ever.
async fn accept(listener: &tokio::net::TcpListener, routes: &Router, connections: &GracefulShutdown) {
    let mut open = Connections::new();
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                log::debug!("http: {error}");
                // Out of file descriptors, accepting fails at once and for as long: do not spin.
                sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        open.make_room();
        let asked = Asked::default();
        let served = serve_one(stream, Peer(peer.ip()), asked.clone(), routes, connections);
        open.add(tokio::spawn(served).abort_handle(), asked);
        // Where many connect at once, those that are taken are served before the next is.
        yield_now().await;
    }
}

/// Serves one connection, which carries one request.
fn serve_one(
    stream: TcpStream,
    peer: Peer,
    asked: Asked,
    routes: &Router,
    connections: &GracefulShutdown,
) -> impl Future<Output = ()> + use<> {
    let routes = TowerToHyperService::new(routes.clone());
    let answer = service_fn(move |mut request: Request<Incoming>| {
        asked.set();
        request.extensions_mut().insert(peer);
        routes.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .keep_alive(false)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), answer);
    let connection = connections.watch(connection);
    async move {
        match timeout(CONNECTION_TIMEOUT, connection).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => log::debug!("http: {error}"),
            Err(_) => log::debug!("http: a connection was open for too long"),
        }
    }
}

#[cfg(test)]
mod tests;
