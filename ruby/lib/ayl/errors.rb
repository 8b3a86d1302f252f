# frozen_string_literal: true

module Ayl
  # Everything that this gem raises of its own. A RuntimeError, as what the old gem raised was.
  class Error < RuntimeError; end

  # A body or a Hash that is no message.
  class UnrecoverableMessageException < Error; end

  # A job's option that is unknown or cannot be.
  class InvalidOption < Error; end

  # A value of which no Ruby code can be made that gives it again.
  class NotRepresentable < Error; end

  # The configuration does not say enough, or something wrong.
  class ConfigurationError < Error; end

  # No beanstalkd can be reached, or none takes jobs. The job is in no queue.
  class Unreachable < Error; end

  # The job was sent and the answer was lost: it may be in the queue, or not. Never tried again by itself.
  class Uncertain < Error; end

  # beanstalkd does not take this job.
  class Refused < Error; end

  # Larger than beanstalkd's -z allows (65535 bytes unless told otherwise).
  class JobTooBig < Refused; end

  # The server is going (SIGUSR1). Another one is tried.
  class Draining < Refused; end

  # The server has no memory for it. Another one is tried.
  class OutOfMemory < Refused; end

  # The spool cannot be written: the job is nowhere.
  class SpoolError < Error; end
end
