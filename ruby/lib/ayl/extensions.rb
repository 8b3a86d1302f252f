# frozen_string_literal: true

module Ayl
  # What makes a call one that is made later.
  module Extensions
    # `resident.ayl_send(:clear_stay, 3, stay)`: resident.clear_stay(3, stay), by a worker.
    def ayl_send(selector, *args)
      ayl_send_opts(selector, {}, *args)
    end

    # The same with options of the job: `Resident.ayl_send_opts(:census, {delay: 60, failed_job_handler: "bury"}, 2026)`.
    def ayl_send_opts(selector, opts, *args)
      Ayl::Engine.get_active_engine.submit(Message.new(self, selector, MessageOptions.new(opts), *args))
    end

    ruby2_keywords :ayl_send, :ayl_send_opts
  end

  [Array, Hash, Module, Numeric, Range, Set, String, Struct, Symbol].each { |type| type.include(Extensions) }
end
