# frozen_string_literal: true

module Ayl
  # What an application does around the fork that makes an executor from a preloader.
  module Hooks
    @warm_up ||= []
    @before_fork ||= []
    @after_fork ||= []

    class << self
      attr_reader :warm_up, :before_fork, :after_fork
    end
  end

  class << self
    # Runs `block` in the preloader once it has booted: what jobs do first of all is then done for all executors, and
    # the memory for it is shared. For instance a job, in a transaction that is rolled back.
    def warm_up(&block)
      Hooks.warm_up << block
    end

    # Runs `block` in the preloader before each fork: close what must not be shared.
    def before_fork(&block)
      Hooks.before_fork << block
    end

    # Runs `block` in each new executor: open it again.
    def after_fork(&block)
      Hooks.after_fork << block
    end
  end
end
