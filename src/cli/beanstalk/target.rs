//! Which server and which tube.

use std::ffi::OsStr;
use std::time::Duration;

use clap::Args;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

use crate::cli::exit::{Error, Exit};
use crate::names::{ServerAddress, Tube};
use crate::process::block_on;
use crate::queue::{Client, Options};

const HOST: &str = "Host of beanstalkd, or unix:/PATH [default: the one in AYL_BEANSTALK, else 127.0.0.1]";
const PORT: &str = "Port of beanstalkd [default: the one in AYL_BEANSTALK, else 11300]";

/// Which server and which tube.
#[derive(Debug, Clone, Args)]
pub(super) struct Target {
    #[arg(long, global = true, value_name = "HOST", help = HOST)]
    host: Option<String>,
    #[arg(short, long, global = true, value_name = "PORT", help = PORT, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// The tube [default: default]
    #[arg(short, long, global = true, value_name = "TUBE", add = ArgValueCompleter::new(tubes))]
    tube: Option<Tube>,
}

impl Target {
    /// The tube that was named, if one was.
    pub(super) fn named_tube(&self) -> Option<&Tube> {
        self.tube.as_ref()
    }

    /// The server, given what `AYL_BEANSTALK` says.
    pub(super) fn server(&self, variable: Option<&str>) -> Result<ServerAddress, Error> {
        let usage = |text: String| Error::new(Exit::Usage, text);
        let server = match (&self.host, variable.filter(|text| !text.trim().is_empty())) {
            (Some(host), _) => host.parse().map_err(|error| usage(format!("--host: {error}")))?,
            (None, Some(list)) => {
                let servers = ServerAddress::list(list)
                    .map_err(|error| usage(format!("the variable AYL_BEANSTALK: {error}")))?;
                match <[ServerAddress; 1]>::try_from(servers) {
                    Ok([server]) => server,
                    Err(servers) => {
                        let names: Vec<String> = servers.iter().map(ToString::to_string).collect();
                        return Err(usage(format!(
                            "AYL_BEANSTALK names several servers, choose one with --host and -p: {}",
                            names.join(", ")
                        )));
                    }
                }
            }
            (None, None) => ServerAddress::default(),
        };
        Ok(match (server, self.port) {
            (ServerAddress::Tcp { host, .. }, Some(port)) => ServerAddress::Tcp { host, port },
            (ServerAddress::Unix(_), Some(_)) if self.host.is_some() => {
                return Err(usage("a socket in the file system has no port".to_owned()));
            }
            (ServerAddress::Unix(_), Some(port)) => ServerAddress::Tcp { host: "127.0.0.1".to_owned(), port },
            (server, None) => server,
        })
    }
}

/// The tubes there are, for a shell that completes; none where there is no server.
pub(super) fn tubes(text: &OsStr) -> Vec<CompletionCandidate> {
    let Some(text) = text.to_str() else { return Vec::new() };
    let anywhere = Target { host: None, port: None, tube: None };
    let variable = std::env::var("AYL_BEANSTALK").ok();
    let Ok(server) = anywhere.server(variable.as_deref()) else { return Vec::new() };
    // Nobody waits for a shell that completes.
    let options = Options { connect_timeout: Duration::from_millis(500), ..Options::default() };
    let found = block_on(async { Client::new(server, options).list_tubes().await });
    let names = found.into_iter().flatten().flatten().map(String::from);
    names.filter(|name| name.starts_with(text)).map(CompletionCandidate::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(host: Option<&str>, port: Option<u16>, variable: Option<&str>) -> String {
        let target = Target { host: host.map(Into::into), port, tube: None };
        target.server(variable).map_or_else(|error| error.to_string(), |server| server.to_string())
    }

    #[test]
    fn the_command_line_goes_before_the_environment_and_that_before_the_default() {
        assert_eq!(server(None, None, None), "127.0.0.1:11300");
        assert_eq!(server(None, None, Some("")), "127.0.0.1:11300");
        assert_eq!(server(None, Some(1), None), "127.0.0.1:1");
        assert_eq!(server(None, None, Some("q:5")), "q:5");
        assert_eq!(server(None, Some(1), Some("q:5")), "q:1");
        assert_eq!(server(Some("h"), None, Some("q:5")), "h:11300");
        assert_eq!(server(Some("h:2"), Some(3), None), "h:3");
        assert_eq!(server(Some("::1"), Some(3), None), "[::1]:3");
        assert_eq!(server(None, None, Some("unix:/s")), "unix:/s");
        assert_eq!(server(None, Some(1), Some("unix:/s")), "127.0.0.1:1");
        assert_eq!(server(Some("unix:/s"), None, None), "unix:/s");
    }

    #[test]
    fn what_is_no_server_says_why() {
        assert_eq!(
            server(Some("a b"), None, None),
            r#"--host: "a b" has ' ' in it; write HOST, HOST:PORT or unix:/PATH"#
        );
        assert_eq!(
            server(None, None, Some("a:0")),
            r#"the variable AYL_BEANSTALK: "a:0" has no port behind the colon: a number from 1 to 65535"#
        );
        assert_eq!(
            server(None, None, Some("a, b:2")),
            "AYL_BEANSTALK names several servers, choose one with --host and -p: a:11300, b:2"
        );
        assert_eq!(server(Some("unix:/s"), Some(1), None), "a socket in the file system has no port");
    }
}
