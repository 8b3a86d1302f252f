//! Where a beanstalkd listens.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Where one beanstalkd listens:
///
/// | text | means |
/// |---|---|
/// | `queue.example` | that host, port 11300 |
/// | `127.0.0.1:11301` | that host and port |
/// | `[::1]:11300`, `::1` | the same for IPv6 |
/// | `unix:/run/beanstalkd.sock`, `/run/beanstalkd.sock` | a socket in the file system |
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ServerAddress {
    /// By TCP.
    Tcp {
        /// A name or an address, IPv6 without brackets.
        host: String,
        /// The port, not 0.
        port: u16,
    },
    /// By a socket in the file system, an absolute path.
    Unix(PathBuf),
}

/// Why a text is not the address of a server.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ServerAddressError {
    /// Nothing at all.
    #[error("a server's address may not be empty; write HOST, HOST:PORT or unix:/PATH")]
    Empty,
    /// Behind the colon is no port.
    #[error("{0:?} has no port behind the colon: a number from 1 to 65535")]
    Port(String),
    /// A character no host's name has.
    #[error("{address:?} has {found:?} in it; write HOST, HOST:PORT or unix:/PATH")]
    Character {
        /// The text.
        address: String,
        /// The first character that may not be there.
        found: char,
    },
    /// A socket's path that does not begin at the root.
    #[error("{0:?} is not an absolute path; write unix:/PATH")]
    Relative(String),
}

impl ServerAddress {
    /// The port where none is given.
    pub const DEFAULT_PORT: u16 = 11300;

    /// Several addresses separated by commas, as `AYL_BEANSTALK` has them.
    pub fn list(text: &str) -> Result<Vec<Self>, ServerAddressError> {
        text.split(',').map(|address| address.trim().parse()).collect()
    }
}

impl Default for ServerAddress {
    /// beanstalkd's own port on this host.
    fn default() -> Self {
        Self::Tcp { host: "127.0.0.1".to_owned(), port: Self::DEFAULT_PORT }
    }
}

impl FromStr for ServerAddress {
    type Err = ServerAddressError;

    fn from_str(text: &str) -> Result<Self, ServerAddressError> {
        if let Some(path) = text.strip_prefix("unix:").or(text.starts_with('/').then_some(text)) {
            return match path.strip_prefix('/') {
                Some(_) => Ok(Self::Unix(path.into())),
                None => Err(ServerAddressError::Relative(text.to_owned())),
            };
        }
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, rest)) => (host, Some(rest.strip_prefix(':').unwrap_or_default())),
            // More than one colon is an IPv6 address, which has a port in brackets only.
            None => match text.split_once(':') {
                Some((host, port)) if !port.contains(':') => (host, Some(port)),
                _ => (text, None),
            },
        };
        if host.is_empty() {
            return Err(ServerAddressError::Empty);
        }
        if let Some(found) = host.chars().find(|&c| !c.is_ascii_alphanumeric() && !"-._:%".contains(c)) {
            return Err(ServerAddressError::Character { address: text.to_owned(), found });
        }
        let port = match port {
            None => Self::DEFAULT_PORT,
            Some(port) => match port.parse() {
                Ok(number) if number != 0 && !port.starts_with('+') => number,
                _ => return Err(ServerAddressError::Port(text.to_owned())),
            },
        };
        Ok(Self::Tcp { host: host.to_owned(), port })
    }
}

written_as_text!(ServerAddress, ServerAddressError);

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

    fn shown(text: &str) -> String {
        text.parse::<ServerAddress>().map_or_else(|error| error.to_string(), |address| address.to_string())
    }

    #[test]
    fn an_address_is_a_host_a_port_or_a_path() {
        assert_eq!(shown("queue.example"), "queue.example:11300");
        assert_eq!(shown("127.0.0.1:1"), "127.0.0.1:1");
        assert_eq!(shown("::1"), "[::1]:11300");
        assert_eq!(shown("[::1]"), "[::1]:11300");
        assert_eq!(shown("[fe80::1%eth0]:11301"), "[fe80::1%eth0]:11301");
        assert_eq!(shown("unix:/run/b.sock"), "unix:/run/b.sock");
        assert_eq!(shown("/run/b.sock"), "unix:/run/b.sock");
        assert_eq!(shown(&ServerAddress::default().to_string()), "127.0.0.1:11300");
    }

    #[test]
    fn anything_else_is_refused_with_the_reason() {
        assert_eq!(shown(""), "a server's address may not be empty; write HOST, HOST:PORT or unix:/PATH");
        assert_eq!(shown(":1"), shown(""));
        for bad in ["h:", "h:0", "h:65536", "h:-1", "h:+1", "[::1]1"] {
            assert_eq!(
                shown(bad),
                format!("{bad:?} has no port behind the colon: a number from 1 to 65535"),
                "{bad}"
            );
        }
        assert_eq!(shown("tcp://h"), r#""tcp://h" has no port behind the colon: a number from 1 to 65535"#);
        assert_eq!(shown("a b"), r#""a b" has ' ' in it; write HOST, HOST:PORT or unix:/PATH"#);
        assert_eq!(shown("unix:b.sock"), r#""unix:b.sock" is not an absolute path; write unix:/PATH"#);
    }

    #[test]
    fn a_list_is_separated_by_commas() {
        let list = ServerAddress::list("a, b:1,unix:/c").unwrap();
        let list: Vec<String> = list.iter().map(ToString::to_string).collect();
        assert_eq!(list, ["a:11300", "b:1", "unix:/c"]);
        assert!(ServerAddress::list("a,,b").is_err());
    }
}
