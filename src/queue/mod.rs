//! The asynchronous client of beanstalkd.
