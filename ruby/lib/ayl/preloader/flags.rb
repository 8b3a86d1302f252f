# frozen_string_literal: true

require "optparse"

module Ayl
  module Preloader
    # The old worker's flags, as far as they matter to a boot, in the words of the frame `boot`.
    module Flags
      # Nothing was said of which application: the old worker's exit status.
      EX_USAGE = 64

      module_function

      def parse(arguments)
        wanted = { "require" => "config/environment", "environment" => "production", "rails" => false, "tube" => ENV.fetch("AYL_TUBE", nil) }
        parser(wanted).parse(arguments)
        return wanted if wanted["path"]

        puts "Must specify an application path"
        exit EX_USAGE
      rescue OptionParser::ParseError => e
        warn "ayl_preloader: #{e.message}"
        exit EX_USAGE
      end

      def parser(wanted)
        OptionParser.new do |flags|
          flags.banner = "Usage: preloader.rb -a PATH [-r] [-e ENV] [-c REQUIRE] [-t TUBE]"
          flags.on("-a", "--app-path PATH", "the application's folder") { |path| wanted["path"] = File.expand_path(path) }
          flags.on("-r", "--rails", "it is a Rails application") { wanted["rails"] = true }
          flags.on("-e", "--environment ENV", "Rails' environment (production)") { |name| wanted["environment"] = name }
          flags.on("-c", "--require REQUIRE", "what to load (config/environment)") { |file| wanted["require"] = file }
          flags.on("-t", "--tube TUBE", "where what its jobs submit goes (AYL_TUBE)") { |tube| wanted["tube"] = tube }
        end
      end
    end
  end
end
