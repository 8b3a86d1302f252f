# frozen_string_literal: true

module Ayl
  module Executor
    # What a job did, in the words of docs/executor.md.
    module Outcome
      MESSAGE_LIMIT = 64 * 1024
      LINE_LIMIT = 1024
      LINES = 200

      # The executor's own files, as this process may name them: what is wrong with a job is not found there.
      OWN = [File.dirname(__dir__), File.dirname(File.expand_path($PROGRAM_NAME))].flat_map do |folder|
        ["#{folder}/executor", "#{folder}/preloader"].flat_map { |file| ["#{file}.rb:", "#{file}/"] }
      end

      module_function

      # The answer for an exception that left a job.
      def of(exception)
        case exception
        when SystemExit then { "type" => "exit", "status" => exception.status & 0xff }
        when Ayl::Beanstalk::RequiresJobDecay then { "type" => "decay", "delay" => seconds(exception.delay) }
        when Ayl::Beanstalk::RequiresJobBury then { "type" => "bury", "message" => text(message(exception), MESSAGE_LIMIT) }
        else { "type" => "error" }.merge(describe(exception))
        end
      end

      # Class, message and backtrace, cut to what a frame may hold. Never raises, whatever the exception is made of.
      def describe(exception)
        lines = backtrace(exception).first(LINES)
        {
          "class" => text(exception.class.to_s, LINE_LIMIT),
          "message" => text(message(exception), MESSAGE_LIMIT),
          "backtrace" => lines.map { |line| text(line, LINE_LIMIT) }
        }
      end

      # Without the executor's own frames, unless it has no others.
      def backtrace(exception)
        lines = Array(exception.backtrace)
        theirs = lines.reject { |line| line.to_s.start_with?(*OWN) }
        theirs.empty? ? lines : theirs
      end

      def message(exception)
        exception.message.to_s
      rescue Exception => e # rubocop:disable Lint/RescueException -- `message` is the application's code
        "(its message cannot be had: #{e.class})"
      end

      # At most `limit` bytes of valid UTF-8.
      def text(string, limit)
        string = string.to_s
        string = string.encode(Encoding::UTF_8, invalid: :replace, undef: :replace) unless [Encoding::UTF_8, Encoding::BINARY].include?(string.encoding)
        string.dup.force_encoding(Encoding::UTF_8).byteslice(0, limit).scrub("?")
      end

      # A delay in whole seconds, never negative; nil for what is no number.
      def seconds(delay)
        delay.nil? ? nil : [Integer(delay.to_f.ceil), 0].max
      rescue StandardError
        nil
      end
    end
  end
end
