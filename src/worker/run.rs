//! The loop: what happens goes into the core, what the core wants is done.
//!
//! ```text
//!     link (queue) ──┐                        ┌──► link
//!     executor ──────┼──► Core::handle ───────┼──► executor
//!     signals ───────┤     (decides)          ├──► journal, notify socket
//!     deadlines ─────┘                        └──► exit
//! ```

use std::future::{Future, pending};
use std::io;
use std::pin::Pin;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::time::{Sleep, sleep_until};

use super::busy_poll::{BusyPoll, awake};
use super::core::{Action, Content, Core, Doing, Event};
use super::executor::{Executor, Said};
use super::frame::{FrameError, FromExecutor, MAX_FRAME, PROTOCOL, ToExecutor};
use super::journal::Journal;
use super::launch::{Launch, Runtime};
use super::link::{Judge, Link, News, Order};
use super::relay::Log;
use super::{Options, hooks, notify, program};
use crate::ayl::Cause;
use crate::beanstalk::JobId;
use crate::names::Tube;

/// How a worker ended: its exit status.
pub type Status = u8;

type Starting = Pin<Box<dyn Future<Output = io::Result<Executor>> + Send>>;

/// The executor, as far as it has come.
enum Stage {
    None,
    Starting(Starting),
    Up(Box<Executor>),
}

/// Rings at a deadline, or before.
///
/// Deadlines of quick jobs move on all the time. Only an earlier one is set: to set each would
/// cost two system calls a job, to ring too early now and then costs next to nothing.
struct Alarm {
    sleep: Pin<Box<Sleep>>,
    set: Option<Instant>,
}

impl Alarm {
    fn new() -> Self {
        Self { sleep: Box::pin(sleep_until(Instant::now().into())), set: None }
    }

    /// May be dropped at any time.
    async fn ring(&mut self, deadline: Option<Instant>) {
        if let Some(deadline) = deadline.filter(|&at| self.set.is_none_or(|set| at < set)) {
            self.sleep.as_mut().reset(deadline.into());
            self.set = Some(deadline);
        }
        if self.set.is_none() {
            pending::<()>().await;
        }
        self.sleep.as_mut().await;
        self.set = None;
    }
}

struct Worker {
    core: Core,
    launch: Launch,
    orders: mpsc::Sender<Order>,
    /// The number of the last question.
    asked: u64,
    stage: Stage,
    /// Whether the executor understands `report`.
    reports: bool,
    log: Log,
    journal: Journal,
    began: Instant,
    alarm: Alarm,
    /// While a job runs, and while the queue is asked.
    polls: [BusyPoll; 2],
    ended: Option<Status>,
}

/// What woke the loop.
enum Wake {
    News(News),
    Started(io::Result<Executor>),
    Said(Said),
    Terminate,
    Deadline,
}

/// Runs a worker on a runtime of its own until it has left: what the program does.
///
/// # Errors
/// When signals cannot be heard or standard error cannot be duplicated.
pub fn main(options: Options) -> io::Result<Status> {
    program::run(async |terminations| {
        // A task of its own: to wake the main future would cost a system call each time.
        tokio::spawn(run(options, terminations)).await.map_err(io::Error::other)?
    })?
}

/// Runs a worker until it has left; `terminations` brings one item per SIGTERM or SIGINT.
///
/// # Errors
/// When there is nothing to begin with: standard error cannot be duplicated.
async fn run(options: Options, mut terminations: mpsc::Receiver<()>) -> io::Result<Status> {
    let Options { launch, settings, servers, signing, keys } = options;
    let (orders, orders_in) = mpsc::channel(4);
    let (news_out, mut news) = mpsc::channel(4);
    let judge = Judge { mode: signing, keys };
    let link = Link::new(servers, launch.tube.clone(), judge, orders_in, news_out);
    let link = tokio::spawn(link.run());
    let mut worker = Worker {
        core: Core::new(settings),
        journal: Journal::new(launch.application.clone(), launch.tube.clone()),
        launch,
        orders,
        asked: 0,
        stage: Stage::None,
        reports: false,
        log: Log::stderr()?,
        began: Instant::now(),
        alarm: Alarm::new(),
        polls: [BusyPoll::new(), BusyPoll::new()],
        ended: None,
    };
    worker.tell(Event::Tick).await;
    while worker.ended.is_none() {
        let wake = worker.wait(&mut news, &mut terminations).await;
        worker.wake(wake).await;
    }
    link.abort();
    Ok(worker.ended.unwrap_or_default())
}

impl Worker {
    async fn wait(&mut self, news: &mut mpsc::Receiver<News>, terminations: &mut mpsc::Receiver<()>) -> Wake {
        let deadline = self.core.next_deadline().and_then(|at| self.began.checked_add(at));
        let poll = &mut self.polls[usize::from(self.core.job().is_none())];
        let start = Instant::now();
        let until = poll.begin(start);
        let log = &mut self.log;
        let executor = async {
            match &mut self.stage {
                Stage::None => pending().await,
                Stage::Starting(starting) => Wake::Started(starting.await),
                Stage::Up(executor) => Wake::Said(executor.next(log).await),
            }
        };
        let wake = tokio::select! {
            Some(()) = terminations.recv() => Wake::Terminate,
            Some(news) = news.recv() => Wake::News(news),
            wake = executor => wake,
            () = self.alarm.ring(deadline) => Wake::Deadline,
            never = awake(until) => match never {},
        };
        poll.end(start.elapsed());
        wake
    }

    async fn wake(&mut self, wake: Wake) {
        match wake {
            Wake::Terminate => self.tell(Event::Terminate).await,
            Wake::Deadline => self.tell(Event::Tick).await,
            Wake::News(News::Up) => {
                self.journal.queue_up();
                self.tell(Event::QueueUp).await;
            }
            Wake::News(News::Down { reason, heard }) => {
                self.journal.queue_down(&reason);
                self.tell(Event::QueueDown { heard }).await;
            }
            Wake::News(News::Server(server, trouble)) => {
                self.journal.server(server, trouble);
                self.tell(Event::Servers).await;
            }
            // To a question that was given up since: the job it brings has gone back.
            Wake::News(News::Answer(number, _)) if number != self.asked => {}
            Wake::News(News::Answer(_, answer)) => self.tell(Event::Answer(answer)).await,
            Wake::News(News::Repaid(job, verdict)) => self.tell(Event::Repaid { job, verdict }).await,
            Wake::News(News::Untrusted(id, reason)) => self.journal.untrusted(id, &reason),
            Wake::Started(Ok(mut executor)) => {
                if let Some(reason) = executor.not_forked() {
                    self.journal.not_forked(reason);
                }
                let sent = executor.send(&self.launch.boot());
                self.stage = Stage::Up(Box::new(executor));
                if let Err(error) = sent {
                    self.boot_failed(error.to_string()).await;
                }
            }
            Wake::Started(Err(error)) => {
                self.stage = Stage::None;
                self.tell(Event::BootFailed(error.to_string())).await;
            }
            Wake::Said(Said::Frame(frame)) => self.heard(frame).await,
            Wake::Said(Said::Nonsense(what)) => {
                self.journal.nonsense(&what);
                self.kill();
            }
            Wake::Said(Said::Died { how, stderr }) => {
                self.stage = Stage::None;
                self.tell(Event::Died { how, stderr }).await;
            }
        }
    }

    async fn heard(&mut self, frame: FromExecutor) {
        let job = self.core.job().map(|job| job.id.0);
        match frame {
            // It crossed the signal that ends the executor, or is a job's idea of a joke.
            FromExecutor::Ready { .. } | FromExecutor::BootFailed(_) if !self.core.is_booting() => {}
            FromExecutor::Ready { protocol: PROTOCOL, tube, reports, runtime } => {
                self.reports = reports;
                match tube.map_or(Ok(self.launch.tube.clone()), |tube| tube.parse()) {
                    Ok(tube) => self.booted(tube, &runtime).await,
                    Err(error) => self.boot_failed(format!("the tube it has chosen is none: {error}")).await,
                }
            }
            FromExecutor::Ready { protocol, .. } => {
                self.boot_failed(format!("its executor speaks protocol {protocol}, not {PROTOCOL}")).await;
            }
            FromExecutor::BootFailed(failure) => self.boot_failed(failure.to_string()).await,
            FromExecutor::Reported => self.tell(Event::Reported).await,
            answer => match answer.ran() {
                Some(ran) if Some(ran.id) == job => {
                    let event = Event::Ran { outcome: ran.outcome, failure: ran.failure, memory: ran.memory };
                    self.tell(event).await;
                }
                _ => {
                    self.journal.nonsense("it answered for a job it does not have");
                    self.kill();
                }
            },
        }
    }

    /// The application has booted, and takes its jobs from `tube`.
    async fn booted(&mut self, tube: Tube, runtime: &str) {
        if tube != self.launch.tube {
            self.journal.watches(&tube);
            self.launch.tube = tube.clone();
            self.order(Order::Watch(tube)).await;
        }
        self.journal.booted(runtime);
        self.tell(Event::Booted).await;
    }

    /// The executor is of no use: it is killed, and the application's word is the worker's last.
    async fn boot_failed(&mut self, reason: String) {
        self.kill();
        if let Stage::Up(executor) = &mut self.stage {
            while !matches!(executor.next(&mut self.log).await, Said::Died { .. }) {}
        }
        self.stage = Stage::None;
        self.tell(Event::BootFailed(reason)).await;
    }

    fn kill(&mut self) {
        if let Stage::Up(executor) = &self.stage {
            executor.kill();
        }
    }

    async fn order(&mut self, order: Order) {
        // The link ends only after this loop.
        let _ = self.orders.send(order).await;
    }

    /// Tells the core, does what it wants, and tells it what came of that at once.
    async fn tell(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let mut actions = Vec::new();
            self.core.handle(event, self.began.elapsed(), &mut actions);
            for action in actions {
                events.extend(self.act(action).await);
            }
        }
    }

    async fn act(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Ask(ask) => {
                // Before the job is gone: what it was, and why.
                if let Some(job) = self.core.job() {
                    self.journal.verdict(job, &ask);
                }
                self.asked += 1;
                self.order(Order::Ask(self.asked, ask)).await;
            }
            Action::Disconnect => {
                self.asked += 1;
                self.order(Order::Disconnect).await;
            }
            Action::Owe { job, handler } => {
                self.journal.owes(&job);
                self.order(Order::Owe(job, handler)).await;
            }
            Action::StartExecutor => {
                let launch = self.launch.clone();
                self.stage = Stage::Starting(Box::pin(async move { Executor::start(&launch).await }));
            }
            Action::StopExecutor => return self.stop(),
            Action::KillExecutor => match &self.stage {
                Stage::Up(executor) => executor.kill(),
                // Nothing to kill yet: it is as dead as it can be.
                Stage::None | Stage::Starting(_) => {
                    self.stage = Stage::None;
                    return Some(Event::Died { how: "was not started".to_owned(), stderr: String::new() });
                }
            },
            Action::Run(id) => return self.run_job(id),
            Action::Report(report) => {
                let frame = hooks::frame(&report).filter(|_| self.reports);
                let (Some(frame), Stage::Up(executor)) = (frame, &mut self.stage) else {
                    return Some(Event::Reported);
                };
                if executor.send(&frame).is_err() {
                    return Some(Event::Reported);
                }
            }
            Action::Settled { id, verdict, failure, death } => {
                self.journal.settled(id, &verdict, failure.as_ref(), death.as_ref());
            }
            Action::Lost(id) => self.journal.lost(id),
            Action::Show(doing) => self.show(doing),
            Action::Exit(status, reason) => {
                self.journal.leaves(reason.as_deref());
                notify::leaving(reason.as_deref());
                self.ended = Some(status);
            }
        }
        None
    }

    fn stop(&mut self) -> Option<Event> {
        match &mut self.stage {
            Stage::Up(executor) => {
                let _ = executor.send(&ToExecutor::Stop);
                None
            }
            Stage::None | Stage::Starting(_) => {
                self.stage = Stage::None;
                Some(Event::Died { how: "was not started".to_owned(), stderr: String::new() })
            }
        }
    }

    /// Has the executor run the job; or says why it never can.
    fn run_job(&mut self, id: JobId) -> Option<Event> {
        let job = self.core.job()?;
        let Content::Message(message) = &job.content else { return None };
        let Stage::Up(executor) = &mut self.stage else { return None };
        let run = ToExecutor::Run {
            id: id.0,
            tube: self.launch.tube.as_str(),
            code: &message.code,
            active_job: message.carried(),
            jti: message.signature.as_ref().and_then(|signature| signature.get("jti")?.as_str()),
            body: (self.launch.runtime == Runtime::Exec)
                .then(|| std::str::from_utf8(&job.body).unwrap_or_default()),
        };
        match executor.send(&run) {
            Ok(()) => None,
            Err(FrameError::TooLong(bytes)) => {
                Some(Event::Refused(Cause::TooLarge { bytes, most: MAX_FRAME }))
            }
            Err(error) => {
                self.journal.nonsense(&error.to_string());
                executor.kill();
                None
            }
        }
    }

    fn show(&mut self, doing: Doing) {
        let code = match self.core.job().map(|job| &job.content) {
            Some(Content::Message(message)) => message.active_job.as_deref().unwrap_or(&message.code),
            _ => "",
        };
        notify::show(doing, code, &self.journal);
    }
}
