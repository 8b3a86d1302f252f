//! What the application's mailer is told of a failed job, as the old worker told it.

use super::core::Report;
use super::frame::ToExecutor;
use crate::ayl::{Cause, Verdict};

/// The frame for a report; `None` where the old worker was silent.
pub(super) fn frame(report: &Report) -> Option<ToExecutor<'_>> {
    let id = report.id.0;
    let message = |message| {
        Some(ToExecutor::Report {
            id,
            hook: "ayl_message",
            message: Some(message),
            code: None,
            error: report.failure.as_ref(),
        })
    };
    match &report.verdict {
        Verdict::Release { .. } => None,
        Verdict::Delete(_) => message("Exception in process_messages. Job deleted."),
        Verdict::Bury(cause) => match innermost(cause) {
            Cause::TriedOften { .. } => Some(ToExecutor::Report {
                id,
                hook: "burying_job",
                message: None,
                code: report.code.as_deref(),
                error: report.failure.as_ref(),
            }),
            Cause::Unreadable(_) => message("Error extracting message from beanstalk job"),
            _ => message("Exception in process_messages. Job buried"),
        },
    }
}

fn innermost(cause: &Cause) -> &Cause {
    match cause {
        Cause::Overran(then) => innermost(then),
        cause => cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ayl::{Handler, Unreadable};
    use crate::beanstalk::JobId;
    use crate::worker::frame::encode;

    fn said(verdict: Verdict) -> Option<String> {
        let report = Report { id: JobId(17), verdict, failure: None, code: Some("x".into()) };
        frame(&report).map(|frame| String::from_utf8(encode(&frame).unwrap().split_off(4)).unwrap())
    }

    #[test]
    fn the_words_are_those_of_the_old_worker() {
        let deleted = r#"{"type":"report","id":17,"hook":"ayl_message","message":"Exception in process_messages. Job deleted."}"#;
        assert_eq!(said(Verdict::Delete(Cause::Raised(Handler::Delete))).as_deref(), Some(deleted));
        let buried = r#"{"type":"report","id":17,"hook":"ayl_message","message":"Exception in process_messages. Job buried"}"#;
        assert_eq!(said(Verdict::Bury(Cause::Raised(Handler::Bury))).as_deref(), Some(buried));
        let often = Cause::Overran(Box::new(Cause::TriedOften { reserves: 3, count: 3 }));
        let hook = r#"{"type":"report","id":17,"hook":"burying_job","code":"x"}"#;
        assert_eq!(said(Verdict::Bury(often)).as_deref(), Some(hook));
        let unreadable = said(Verdict::Bury(Cause::Unreadable(Unreadable::NoCode))).unwrap();
        assert!(unreadable.contains("Error extracting message from beanstalk job"));
        assert_eq!(said(Verdict::Release { delay: 60, cause: Cause::Stopped }), None);
    }
}
