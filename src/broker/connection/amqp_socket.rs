//! A socket that refuses a server which does not speak AMQP at all. amiquip believes every length in what it reads:
//! the "HTTP/1.1 400" of a management port (15672) makes it allocate and clear 1.3 GB.

use std::io::{self, Read, Write};

use mio::event::Evented;
use mio::net::TcpStream;
use mio::{Poll, PollOpt, Ready, Token};

/// The type of a method frame (AMQP 0-9-1 section 4.2.3): every broker begins with `connection.start`.
const METHOD_FRAME: u8 = 1;

/// The socket; reading fails with `InvalidData` if the first byte is not AMQP.
pub(super) struct AmqpSocket {
    socket: TcpStream,
    checked: bool,
}

impl AmqpSocket {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self { socket, checked: false }
    }
}

impl amiquip::IoStream for AmqpSocket {}

impl Read for AmqpSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let received = self.socket.read(buffer)?;
        if !self.checked
            && let Some(first) = buffer[..received].first()
        {
            if *first != METHOD_FRAME {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it speaks another protocol"));
            }
            self.checked = true;
        }
        Ok(received)
    }
}

impl Write for AmqpSocket {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.socket.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

impl Evented for AmqpSocket {
    fn register(&self, poll: &Poll, token: Token, interest: Ready, opts: PollOpt) -> io::Result<()> {
        self.socket.register(poll, token, interest, opts)
    }

    fn reregister(&self, poll: &Poll, token: Token, interest: Ready, opts: PollOpt) -> io::Result<()> {
        self.socket.reregister(poll, token, interest, opts)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        self.socket.deregister(poll)
    }
}
