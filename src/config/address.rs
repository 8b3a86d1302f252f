//! Where a beanstalkd listens.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The port beanstalkd has unless told otherwise.
pub const DEFAULT_PORT: u16 = 11300;

/// Where a beanstalkd listens: `HOST:PORT`, `HOST`, `[::1]:PORT` or `unix:PATH`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ServerAddress {
    /// A name or address, and a port.
    Tcp {
        /// Without brackets.
        host: String,
        /// Not 0.
        port: u16,
    },
    /// The path of a socket; absolute.
    Unix(PathBuf),
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressError {
    /// Not of one of the forms.
    #[error("{0:?} is no address; write HOST:PORT, HOST, [IPV6]:PORT or unix:/PATH")]
    Form(String),
    /// The part behind the colon is no port.
    #[error("{0:?} is no port; ports are 1 to 65535")]
    Port(String),
    /// `unix:` with something else than an absolute path.
    #[error("the socket's path {0:?} is not absolute")]
    Relative(String),
}

impl Default for ServerAddress {
    /// beanstalkd's own default, on this host.
    fn default() -> Self {
        Self::Tcp { host: "127.0.0.1".to_owned(), port: DEFAULT_PORT }
    }
}

fn port(text: &str) -> Result<u16, AddressError> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ => Err(AddressError::Port(text.to_owned())),
    }
}

/// A name or an IPv4 address: what may stand before a colon without brackets.
fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}

impl FromStr for ServerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let form = || AddressError::Form(text.to_owned());
        if let Some(path) = text.strip_prefix("unix:") {
            let absolute = path.starts_with('/') && !path.contains('\0');
            return if absolute {
                Ok(Self::Unix(path.into()))
            } else {
                Err(AddressError::Relative(path.to_owned()))
            };
        }
        if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or_else(form)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| form())?;
            let port = match rest.strip_prefix(':') {
                Some(text) => port(text)?,
                None if rest.is_empty() => DEFAULT_PORT,
                None => return Err(form()),
            };
            return Ok(Self::Tcp { host: host.to_owned(), port });
        }
        let (host, port) = match text.split_once(':') {
            Some((host, text)) if is_host(host) && !text.contains(':') => (host, port(text)?),
            None if is_host(text) => (text, DEFAULT_PORT),
            _ => return Err(form()),
        };
        Ok(Self::Tcp { host: host.to_owned(), port })
    }
}

impl TryFrom<String> for ServerAddress {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<ServerAddress> for String {
    fn from(address: ServerAddress) -> String {
        address.to_string()
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read_and_written_the_same() {
        for text in ["127.0.0.1:11300", "queue-1.example.org:1", "[::1]:11301", "unix:/run/b.sock"] {
            assert_eq!(text.parse::<ServerAddress>().unwrap().to_string(), text);
        }
        assert_eq!("localhost".parse::<ServerAddress>().unwrap().to_string(), "localhost:11300");
        assert_eq!("[::1]".parse::<ServerAddress>().unwrap().to_string(), "[::1]:11300");
        assert_eq!(ServerAddress::default().to_string(), "127.0.0.1:11300");
    }

    #[test]
    fn what_is_no_address_says_why() {
        let error = |text: &str| text.parse::<ServerAddress>().unwrap_err();
        for text in ["", ":11300", "a b", "::1", "[::1]x", "[x]:1", "http://x:1", "a:1:2", "[::1"] {
            assert_eq!(error(text), AddressError::Form(text.into()), "{text}");
        }
        for text in ["", "0", "65536", "+1", "x"] {
            assert_eq!(error(&format!("localhost:{text}")), AddressError::Port(text.into()));
        }
        assert_eq!(error("unix:b.sock"), AddressError::Relative("b.sock".into()));
    }
}
