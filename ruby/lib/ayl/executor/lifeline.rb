# frozen_string_literal: true

require "fcntl"
require "io/wait"

module Ayl
  module Executor
    # What this process dies with when its worker dies, even in the middle of a job and as whatever user: a pipe whose
    # other end only the worker has. The kernel does it, so that no job can be in its way. See docs/executor.md,
    # "Signals, and the end".
    module Lifeline
      # Linux's numbers, which Ruby's Fcntl does not know.
      F_SETOWN = 8
      F_SETSIG = 10
      O_ASYNC = 0o20000

      module_function

      # The worker has tied this process to descriptor `number`; what its jobs start has no use for it.
      def keep(number)
        IO.for_fd(number, autoclose: false).close_on_exec = true
      rescue Errno::EBADF
        nil
      end

      # After a fork: ties this process to what the worker has sent.
      def tie(pipe)
        pipe.autoclose = false
        pipe.fcntl(F_SETOWN, Process.pid)
        pipe.fcntl(F_SETSIG, Signal.list.fetch("KILL"))
        pipe.fcntl(Fcntl::F_SETFL, O_ASYNC)
        # The worker may have gone before the kernel was asked.
        exit!(EX_SOFTWARE) if pipe.wait_readable(0)
      end
    end
  end
end
