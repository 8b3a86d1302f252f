# frozen_string_literal: true

# `CensusJob.perform_later(resident)`: by ActiveJob, which sends class and arguments instead of code.
class CensusJob < ActiveJob::Base
  # A job that has failed is laid aside for a person to look at.
  def self.ayl_options
    { failed_job_handler: "bury" }
  end

  def perform(resident)
    Note.create!(text: "#{resident.name} has been counted by #{self.class} #{provider_job_id}".strip)
  end
end
