//! A job's body, as it is written. `parse` reads it.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::{Handler, Signature};

/// One message: code to run, and what happens when it raises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Ruby, evaluated in the top-level binding.
    pub code: String,
    /// What happens when it raises; `None`: the worker's default.
    pub handler: Option<Handler>,
    /// The job's class, when `code` only carries a serialized `ActiveJob`.
    pub active_job: Option<String>,
    /// The slot of a timetable that it was put for: `census@2026-11-24T03:00:00Z`. For
    /// whoever looks at the queue; workers do not, and it is not signed.
    pub slot: Option<String>,
    /// The signature as it was found; [`verify`](super::verify) judges it.
    pub signature: Option<Value>,
}

/// What stands in `code` before and after the literal that carries an `ActiveJob`.
const CARRIAGE: (&str, &str) = ("ActiveJob::Base.execute(JSON.parse(", "))");

impl Message {
    /// A message with that code and handler, not signed.
    pub fn new(code: impl Into<String>, handler: Option<Handler>) -> Self {
        Self { code: code.into(), handler, active_job: None, slot: None, signature: None }
    }

    /// A message that carries `serialized`, the JSON of an `ActiveJob` of class `class`.
    pub fn carrying(class: impl Into<String>, serialized: &str, handler: Option<Handler>) -> Self {
        // `#` could begin an interpolation in Ruby; written so, it means the same in both.
        let literal = Value::from(serialized).to_string().replace('#', "\\u0023");
        let code = format!("{}{literal}{}", CARRIAGE.0, CARRIAGE.1);
        Self { active_job: Some(class.into()), ..Self::new(code, handler) }
    }

    /// The JSON of the `ActiveJob` that `code` carries, if it does.
    pub fn carried(&self) -> Option<String> {
        self.active_job.as_ref()?;
        let literal = self.code.strip_prefix(CARRIAGE.0)?.strip_suffix(CARRIAGE.1)?;
        serde_json::from_str(literal).ok()
    }

    /// The same message with its signature.
    #[must_use]
    pub fn signed(mut self, signature: &Signature) -> Self {
        self.signature = Some(signature.to_json());
        self
    }

    /// The body: the bytes that `JSON.generate` writes for the same hash in Ruby.
    pub fn to_body(&self) -> String {
        // Only a map key that is no string or a failing writer could make this fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", "ayl")?;
        if let Some(handler) = self.handler {
            map.serialize_entry("failed_job_handler", handler.as_str())?;
        }
        map.serialize_entry("code", &self.code)?;
        if let Some(Handler::Decay { count, delay }) = self.handler {
            map.serialize_entry("failed_job_count", &count)?;
            map.serialize_entry("failed_job_delay", &delay)?;
        }
        if let Some(class) = &self.active_job {
            map.serialize_entry("active_job", class)?;
        }
        if let Some(slot) = &self.slot {
            map.serialize_entry("slot", slot)?;
        }
        if let Some(signature) = &self.signature {
            map.serialize_entry("signature", signature)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_old_gem() {
        let code = "Resident.clear_stay(3, Stay.unscoped.find(32))";
        for (handler, body) in [
            (None, r#"{"type":"ayl","code":"CODE"}"#),
            (Some(Handler::Delete), r#"{"type":"ayl","failed_job_handler":"delete","code":"CODE"}"#),
            (Some(Handler::Bury), r#"{"type":"ayl","failed_job_handler":"bury","code":"CODE"}"#),
            (
                Some(Handler::Decay { count: 3, delay: 60 }),
                concat!(
                    r#"{"type":"ayl","failed_job_handler":"decay","code":"CODE","#,
                    r#""failed_job_count":3,"failed_job_delay":60}"#
                ),
            ),
        ] {
            assert_eq!(Message::new(code, handler).to_body(), body.replace("CODE", code));
        }
    }

    #[test]
    fn an_active_job_travels_as_data() {
        let serialized = r##"{"job_class":"CensusJob","arguments":["#{exit} \" \\ ü\n"]}"##;
        let message = Message::carrying("CensusJob", serialized, Some(Handler::Bury));
        assert!(!message.code.contains('#'), "{}", message.code);
        assert_eq!(message.carried().as_deref(), Some(serialized));
        assert_eq!(Message::parse(message.to_body().as_bytes()).unwrap(), message);
    }
}
