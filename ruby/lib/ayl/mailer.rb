# frozen_string_literal: true

require "singleton"

module Ayl
  # Tells the application's own mailer what went wrong with jobs. A mailer that fails is logged, and disturbs nothing.
  class Mailer
    include Singleton

    attr_reader :mailer

    # Both methods answer with something that has `deliver` (or `deliver_now`, which ActionMailer has today). nil: no mail.
    def mailer=(mailer)
      raise Error, "Mailer must implement the 'ayl_message(message, exception)' method" if mailer && !mailer.respond_to?(:ayl_message)
      raise Error, "Mailer must implement the 'burying_job(code)' method" if mailer && !mailer.respond_to?(:burying_job)

      @mailer = mailer
    end

    def deliver_message(message, exception = nil)
      guarded("ayl") { deliver(mailer.ayl_message(message, exception)) }
    end

    def burying_job(code)
      guarded("burying_job") { deliver(mailer.burying_job(code)) }
    end

    private

    def deliver(mail)
      mail.respond_to?(:deliver) ? mail.deliver : mail.deliver_now
    end

    def guarded(what)
      yield if mailer
    rescue Exception => e # rubocop:disable Lint/RescueException -- the mailer is the application's code
      raise if e.is_a?(SystemExit) || e.is_a?(SignalException)

      Logger.instance.error("Error sending #{what} email message: #{e.class}: #{e.message}\n#{Array(e.backtrace).join("\n")}")
    end
  end
end
