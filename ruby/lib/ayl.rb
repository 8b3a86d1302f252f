# frozen_string_literal: true

# "At your leisure": methods that are called later, by a worker, through beanstalkd.
#
#     resident.ayl_send(:clear_stay, 3, stay)
#
#     extensions ─► Message (code) ─► Engine.get_active_engine ─► Beanstalk::Engine ─► Client ─► beanstalkd
#                                     └ none: the call is made at once              └ none: synchronous | raise | spool

require "json"

require "ayl/version"
require "ayl/errors"
require "ayl/exceptions"
require "ayl/job"
require "ayl/hooks"
require "ayl/logger"
require "ayl/logging"
require "ayl/mailer"
require "ayl/tube"
require "ayl/configuration"
require "ayl/message_options"
require "ayl/rrepr"
require "ayl/signature"
require "ayl/message"
require "ayl/worker"
require "ayl/engine"
require "ayl/extensions"
require "ayl/spool"
require "ayl/beanstalk/address"
require "ayl/beanstalk/connection"
require "ayl/beanstalk/client"
require "ayl/beanstalk/engine"
require "ayl/models"
require "ayl/railtie" if defined?(Rails::Railtie)
