# frozen_string_literal: true

# The executor: the process in which an application's jobs run, started by ayl_worker or forked by the preloader.
# docs/executor.md is its contract. It stands alone: it needs neither the gem `ayl` nor any other to be loaded.
#
#     boot ─► Application#load ─► ready
#     run  ─► eval in the top-level binding, or ActiveJob ─► ok, error, decay, bury, exit
#     stop, or end of file ─► at_exit handlers, exit 0

# What the code of messages may speak of without saying so.
require "set"
require "time"

require_relative "exceptions"
require_relative "executor/application"
require_relative "executor/channel"
require_relative "executor/lifeline"
require_relative "executor/outcome"
require_relative "job"

module Ayl
  module Executor
    PROTOCOL = 1

    # An exit status: the other side did not keep to the protocol.
    EX_SOFTWARE = 70

    # Runs until the worker wants no more; the process is to exit with what it returns.
    class Loop
      # `booted` is the application, if a preloader has loaded it.
      def initialize(channel, booted = nil)
        @channel = channel
        @application = booted
        @pid = Process.pid
        @last = [nil, nil]
      end

      def run
        # What threads that a job left behind raise in this one waits until `application` lets it in.
        Thread.handle_interrupt(Object => :never) { serve }
      rescue Channel::Violation => e
        warn "ayl_executor: the worker does not keep to the protocol: #{e.message}"
        EX_SOFTWARE
      rescue Errno::EPIPE, Errno::ECONNRESET
        0
      ensure
        # `exit` runs the application's at_exit handlers; none of them may speak here.
        @channel.close
      end

      private

      def serve
        while (frame = @channel.read)
          case frame["type"]
          when "boot" then return 1 unless boot(frame)
          when "run" then run_job(frame)
          when "report" then report(frame)
          when "stop" then return 0
          else raise Channel::Violation, "a frame of type #{frame["type"].inspect}"
          end
        end
        0
      end

      # Lets the application's code run: with everything that may interrupt it.
      def application(&code)
        Thread.handle_interrupt(Object => :immediate, &code)
      end

      def boot(frame)
        raise ArgumentError, "protocol #{frame["protocol"]} is not known here, only #{PROTOCOL}" unless frame["protocol"] == PROTOCOL

        wanted = Application.new(frame)
        wanted.announce(frame)
        if @application.nil?
          application { wanted.load }
          @application = wanted
        else
          raise ArgumentError, "the preloader has booted #{@application}, not #{wanted}" unless @application.same_code?(wanted)

          application { @application.resume }
        end
        prepare(frame)
        @channel.write("type" => "ready", "protocol" => PROTOCOL, "runtime" => "ruby #{RUBY_VERSION}", "pid" => @pid,
                       "tube" => @application.settle_tube(frame["tube"]), "reports" => true)
        true
      rescue Channel::Violation
        raise
      rescue Exception => e # rubocop:disable Lint/RescueException -- SyntaxError and exit while loading are failures too
        @channel.write({ "type" => "boot_failed" }.merge(Outcome.describe(e)))
        false
      end

      def prepare(frame)
        @memory = frame["memory"] ? true : false
        @stdout = $stdout
        @stderr = $stderr
        # Again, after the application has had its say.
        Executor.ignore_signals
        Process.setproctitle(["ayl_executor", frame["instance"] || frame["tube"]].compact.join(" "))
      end

      def run_job(frame)
        let_in_what_is_late
        answer = perform(frame)
        leave(answer) if Process.pid != @pid
        tidy
        answer["id"] = frame["id"]
        answer["rss"] = resident if @memory
        @channel.write(answer)
      end

      def perform(frame)
        @last = [frame["id"], nil]
        Ayl.current_job = Job.new(frame["id"], frame["tube"], frame["jti"])
        application { @application.wrap { evaluate(frame) } }
        { "type" => "ok" }
      rescue Exception => e # rubocop:disable Lint/RescueException -- whatever leaves a job is its outcome
        @last[1] = e
        Outcome.of(e)
      ensure
        Ayl.current_job = nil
      end

      def evaluate(frame)
        if frame["active_job"]
          require "active_job" unless defined?(ActiveJob::Base)
          ActiveJob::Base.execute(JSON.parse(frame["active_job"]))
        else
          # A copy, so that a job's local variables end with it.
          TOPLEVEL_BINDING.dup.eval(frame.fetch("code"), "job #{frame["id"]}", 1)
        end
      end

      # This is a process that the job has forked and that came back from the job's code.
      def leave(answer)
        exception = @last[1]
        $stderr.puts(exception.full_message(highlight: false)) if answer["type"] == "error"
        $stdout.flush
        exit!(answer["type"] == "exit" ? answer["status"] : (exception ? 1 : 0))
      end

      # What the next job is not to find: another stdout, and exceptions meant for this one.
      def tidy
        $stdout = @stdout
        $stderr = @stderr
        $stdout.flush
      end

      def let_in_what_is_late
        application { Thread.pass } while Thread.pending_interrupt?
      rescue Exception => e # rubocop:disable Lint/RescueException -- whatever it is, it is not the next job's
        warn "ayl_executor: a thread that an earlier job left behind raised #{e.class}: #{Outcome.message(e)}"
        retry
      end

      # Bytes; shared pages are counted.
      def resident
        File.read("/proc/self/statm").split[1].to_i * Executor.page_size
      end

      # The application's mailer learns what has become of a job.
      def report(frame)
        application { tell_mailer(frame) } if defined?(Ayl::Mailer)
      rescue Exception => e # rubocop:disable Lint/RescueException -- the mailer is the application's code
        warn "ayl_executor: the mailer failed: #{e.class}: #{Outcome.message(e)}"
      ensure
        @channel.write("type" => "reported")
      end

      def tell_mailer(frame)
        case frame["hook"]
        when "ayl_message" then Ayl::Mailer.instance.deliver_message(frame["message"], exception_of(frame))
        when "burying_job" then Ayl::Mailer.instance.burying_job(frame["code"])
        else warn "ayl_executor: a report for the unknown hook #{frame["hook"].inspect}"
        end
      end

      def exception_of(frame)
        id, exception = @last
        return exception if exception && id == frame["id"]

        error = frame["error"]
        error && JobError.new(error["class"], error["message"], Array(error["backtrace"]))
      end
    end

    module_function

    # Takes over the descriptor in AYL_EXECUTOR_FD and serves it.
    def start
      number = ENV.delete("AYL_EXECUTOR_FD")
      abort "ayl_executor: AYL_EXECUTOR_FD is not set: ayl_worker starts this, see docs/executor.md" unless number
      lifeline = ENV.delete("AYL_EXECUTOR_LIFELINE")
      Lifeline.keep(Integer(lifeline)) if lifeline
      ignore_signals
      serve(Channel.take(Integer(number)))
    end

    # Serves `channel` until the end and exits the process.
    def serve(channel, booted = nil)
      $stdout.sync = true
      $stdin.reopen(File::NULL)
      keep_children_away_from(channel)
      exit Loop.new(channel, booted).run
    end

    # They reach this process because they are sent to a whole group; the worker decides. A handler, and not
    # "ignore": what a job starts is to have them at their defaults.
    def ignore_signals
      %w[INT TERM HUP].each { |name| trap(name) {} }
    end

    def page_size
      @page_size ||= begin
        require "etc"
        Etc.sysconf(Etc::SC_PAGESIZE)
      end
    end

    # From Ruby 3.1 on, processes that a job forks do not even hold the socket.
    def keep_children_away_from(channel)
      return unless Process.respond_to?(:_fork)

      Process.singleton_class.prepend(Module.new do
        define_method(:_fork) do
          pid = super()
          channel.close if pid.zero?
          pid
        end
      end)
    end
  end
end

Ayl::Executor.start if $PROGRAM_NAME == __FILE__
