# frozen_string_literal: true

require_relative "application"

Rails.application.initialize!

# In the preloader: what a job does, done once for all workers, and undone.
Ayl.warm_up do
  Resident.transaction do
    Resident.first&.clear_stay(0, Stay.unscoped.first)
    raise ActiveRecord::Rollback
  end
end
