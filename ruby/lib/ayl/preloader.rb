# frozen_string_literal: true

# The preloader: boots an application once and forks executors from itself, as workers ask for them.
# docs/executor.md is its contract.
#
#     ruby lib/ayl/preloader.rb -a PATH [-r] [-e ENV] [-c REQUIRE] [-t TUBE]        with AYL_PRELOADER=SOCKET

require_relative "executor"
require_relative "preloader/client"
require_relative "preloader/flags"
require_relative "preloader/notify"

module Ayl
  module Preloader
    # One thread, one loop. Nothing here may start another: threads do not survive the fork.
    class Server
      def initialize(path, application)
        @path = path
        @application = application
        @clients = []
        @stopping = false
      end

      # Until SIGTERM. Executors that have been forked go on.
      def run
        @waker, @wake = IO.pipe
        listen
        trap("CHLD") { wake }
        %w[TERM INT].each { |name| trap(name) { wake(stop: true) } }
        yield
        turn until @stopping
      ensure
        File.unlink(@path) if @inode && inode(@path) == @inode
      end

      private

      # Under another name first, then renamed: a second preloader takes over from the first without a gap.
      def listen
        temporary = "#{@path}.#{Process.pid}"
        @server = UNIXServer.new(temporary)
        File.chmod(0o600, temporary)
        @inode = inode(temporary)
        File.rename(temporary, @path)
      end

      def inode(path)
        stat = File.stat(path)
        [stat.dev, stat.ino]
      rescue Errno::ENOENT
        nil
      end

      def wake(stop: false)
        @stopping = true if stop
        @wake.write_nonblock(".")
      rescue IO::WaitWritable
        nil
      end

      def turn
        now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
        deadline = @clients.map(&:deadline).compact.min
        readers = [@server, @waker] + @clients.reject(&:closed?).map(&:socket)
        ready, = IO.select(readers, nil, nil, deadline && [deadline - now, 0].max)
        @waker.read_nonblock(4096, exception: false) if ready&.include?(@waker)
        (ready || []).each { |socket| serve(socket) }
        @clients.each(&:look_after_child)
        @clients.reject!(&:done?)
      end

      def serve(socket)
        return accept if socket.equal?(@server)

        client = @clients.find { |each| each.socket.equal?(socket) } or return
        request = client.receive or return
        request["type"] == "fork" ? fork_for(client, request) : client.watched
      rescue Executor::Channel::Violation, SystemCallError => e
        client.refuse(e.message)
      rescue StandardError => e
        # A hook of the application's: what it keeps from being forked today it may not tomorrow.
        client.refuse("#{e.class}: #{Executor::Outcome.message(e)}")
      end

      def accept
        socket = @server.accept_nonblock(exception: false)
        return if socket == :wait_readable

        user, = socket.getpeereid
        return @clients << Client.new(socket) if [Process.uid, 0].include?(user)

        warn "ayl_preloader: user #{user} is neither root nor #{Process.uid}: refused"
        socket.close
      rescue SystemCallError => e
        warn "ayl_preloader: #{e.message}"
      end

      def fork_for(client, request)
        wanted = Executor::Application.new({ "require" => @application.file }.merge(request))
        raise Executor::Channel::Violation, "the preloader has booted #{@application}, not #{wanted}" unless @application.same_code?(wanted)

        @application.pause
        client.forked(fork { become_executor(client, request) })
      end

      def become_executor(client, request)
        # First of all: whoever looks at the processes sees no second preloader.
        Process.setproctitle(["ayl_executor", request["instance"]].compact.join(" "))
        Process.setsid
        %w[CHLD TERM INT].each { |name| trap(name, "DEFAULT") }
        Executor.ignore_signals
        socket, stdout, stderr, lifeline = client.surrender
        Executor::Lifeline.tie(lifeline)
        STDOUT.reopen(stdout)
        STDERR.reopen(stderr)
        socket.autoclose = false
        channel = Executor::Channel.take(socket.fileno)
        [stdout, stderr, @server, @waker, @wake].each(&:close)
        @clients.each(&:abandon)
        # Not this process's to unlink.
        @inode = nil
        request.fetch("env", {}).each { |name, value| ENV[name] = value }
        srand
        Executor.serve(channel, @application)
      end
    end

    module_function

    def start(arguments)
      path = ENV.fetch("AYL_PRELOADER") { abort "ayl_preloader: AYL_PRELOADER, the path of its socket, is not set" }
      notify = Notify.new(ENV.delete("NOTIFY_SOCKET"))
      $stdout.sync = true
      application = boot(Flags.parse(arguments), notify)
      settle(application)
      Server.new(path, application).run do
        Process.setproctitle("ayl_preloader #{application}")
        notify.say("READY=1\nSTATUS=booted #{application}")
      end
    end

    def boot(wanted, notify)
      application = Executor::Application.new(wanted)
      notify.say("STATUS=booting #{application}")
      application.announce(wanted)
      application.load
      application
    rescue Exception => e # rubocop:disable Lint/RescueException -- whatever it is, the supervisor is to show it
      notify.say("STATUS=#{e.class}: #{Executor::Outcome.message(e).lines.first.to_s.strip}")
      warn e.full_message(highlight: false)
      exit 1
    end

    # Makes what the boot has left behind as good to share as it can be.
    def settle(application)
      threads = Thread.list - [Thread.current]
      names = threads.map { |thread| thread.name || thread.inspect }
      warn "ayl_preloader: started while booting, and will not be in executors: #{names.join(", ")}" unless threads.empty?
      application.warm
      return Process.warmup if Process.respond_to?(:warmup)

      # Old objects are not written to by the next collections.
      4.times { GC.start }
      GC.compact if GC.respond_to?(:compact)
    rescue NotImplementedError
      nil
    end
  end
end

Ayl::Preloader.start(ARGV) if $PROGRAM_NAME == __FILE__
