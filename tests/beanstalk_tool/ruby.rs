//! The Ruby client that is in use reads what the tool puts, and the other way round.

use std::process::{Child, Command, Stdio};

use crate::beanstalkd::Beanstalkd;
use crate::tool::{run, until};

/// A beanstalkd on a port, which is all the Ruby client can reach.
struct OnPort {
    child: Child,
    port: String,
}

impl OnPort {
    fn start() -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port().to_string();
        drop(free);
        let child = Command::new("beanstalkd")
            .args(["-l", "127.0.0.1", "-p", &port])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = format!("127.0.0.1:{port}");
        until("the server listens", || std::net::TcpStream::connect(&address).is_ok());
        Self { child, port }
    }

    fn ruby(&self, code: &str) -> String {
        let code = format!("require 'beaneater'; queue = Beaneater.new('127.0.0.1:{}'); {code}", self.port);
        let output = Command::new("ruby").args(["-W0", "-e", &code]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for OnPort {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn ruby_and_the_tool_read_each_other() {
    let (server, unused) = (OnPort::start(), Beanstalkd::start());
    let tool = |arguments: &[&str]| {
        let on = ["--host", "localhost", "-p", &server.port, "-t", "1.10"];
        let ran = run(&unused, &[&on, arguments].concat());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{arguments:?}");
        ran.out
    };
    tool(&["put_ayl_job", r#"Foo.bar("ü", '#{x}')"#]);
    let read = "require 'json'; job = queue.tubes['1.10'].peek(:ready); \
                print JSON.parse(job.body)['code'], ' ', job.stats['pri'], ' ', job.stats['ttr']; job.delete";
    assert_eq!(server.ruby(read), r#"Foo.bar("ü", '#{x}') 65536 120"#);
    server.ruby(
        "queue.tubes['1.10'].put(\"a\\xFF\".b, pri: 7, ttr: 33); queue.tubes['1.10'].put('b', delay: 500)",
    );
    let exported = tool(&["export"]);
    assert!(
        exported
            .starts_with(r#"{"id":2,"tube":"1.10","state":"ready","priority":7,"delay":0,"ttr":33,"age":"#)
    );
    assert!(exported.lines().next().unwrap().ends_with(r#""body_base64":"Yf8="}"#), "{exported}");
    assert_eq!(tool(&["peek_delayed"]), "Job: 3: b\n");
    tool(&["move_jobs", "other"]);
    let moved = "job = queue.tubes['other'].peek(:ready); print job.body.b.inspect, job.stats['pri'], ' ', job.stats['ttr']";
    assert_eq!(server.ruby(moved), r#""a\xFF"7 33"#);
}
