# frozen_string_literal: true

require_relative "lib/ayl/version"

Gem::Specification.new do |gem|
  gem.name = "ayl"
  gem.version = Ayl::VERSION
  gem.summary = "Calls that are made later, by a worker, through beanstalkd"
  gem.description = "ayl_send on every object, an ActiveJob adapter, and the executor in which ayl_worker runs the jobs. " \
                    "Speaks to beanstalkd and to workers as ayl 0.4.0 and ayl-beanstalk 0.4.1 do, and takes their place."
  gem.authors = ["The abaqis-daemons authors"]
  gem.license = "MIT"
  gem.required_ruby_version = ">= 2.7"
  gem.files = Dir.chdir(__dir__) { Dir["lib/**/*.rb", "README.md", "CHANGELOG.md"] }
  gem.require_paths = ["lib"]
  gem.metadata = { "rubygems_mfa_required" => "true" }
end
