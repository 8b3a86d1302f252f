# frozen_string_literal: true

module Ayl
  module Beanstalk
    unless const_defined?(:RequiresJobDecay)
      # Raised by a job that wants to be tried again after `delay` seconds; nil means the message's own delay.
      class RequiresJobDecay < StandardError
        attr_reader :delay

        def initialize(delay = nil)
          super("the job asks to be tried again#{" in #{delay} s" if delay}")
          @delay = delay
        end
      end
    end

    unless const_defined?(:RequiresJobBury)
      # Raised by a job that wants to be laid aside for a person to look at.
      class RequiresJobBury < StandardError
      end
    end
  end
end
