//! The protocol of beanstalkd as bytes: commands, replies, statistics.
