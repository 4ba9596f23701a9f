//! Full logins, from the first request to the last, compared with Argon2id alone and with the yardstick: the same
//! number of requests, the same hash and the same rows without Countersign's code.

use std::{
    ops::AddAssign,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    Options, bare_hash,
    entrance::Entrance,
    load::Connection,
    process::{Process, cpu_of},
    second_factor::millis,
    seed::Someone,
};

/// Nodes that are measured together.
pub(crate) struct Site {
    /// Their name in the report.
    pub(crate) what: &'static str,
    pub(crate) nodes: Vec<Process>,
    pub(crate) entrance: Entrance,
}

/// The sum of all turns of a site.
#[derive(Default)]
struct Sum {
    rate: f64,
    /// For each turn, the ratio to the bare hash of the same turn.
    ratios: Vec<f64>,
    times: Vec<Duration>,
    /// All logins that were started, including those that do not count for the rate.
    logins: usize,
    /// Processor time of the load and of the nodes, and the elapsed time, in seconds.
    load: f64,
    served: f64,
    span: f64,
}

/// Full logins compared with Argon2id alone on the same cores. They take turns every second or two, because the speed
/// of a shared machine changes from minute to minute; the ratio is that of the sums.
///
/// The load shares the cores with the server, but the bare hash runs without load. So the ratio is printed as it is,
/// and as it would be if the bare hash had only what the load leaves of the cores. If other programs use the machine,
/// rates mean little; the processor time of a login, and of a bare hash, means more.
pub(crate) async fn against_argon2(options: &Options, sites: &[Site], people: Vec<Someone>) {
    let span = Duration::from_secs(u64::try_from(options.seconds).unwrap());
    let people = Arc::new(people);
    let next = Arc::new(AtomicUsize::new(0));
    let ours = sites.iter().filter(|site| site.entrance != Entrance::Bare).count();
    let mut sums: Vec<_> = sites.iter().map(|_| Sum::default()).collect();
    for site in sites {
        logins(site, &people, &next, Duration::from_secs(1)).await;
    }
    let (mut alone, mut turns) = (Alone::default(), 0.0);
    // The number of users who sign in during a turn of all sites, and a reserve.
    let needed = |rate: f64| rate * 1.2 * (span + ALL_AT_IT * 2).as_secs_f64() * ours as f64;
    for _ in 0..4 * options.rounds {
        let this = argon2_alone(span);
        let left = people.len().saturating_sub(next.load(Ordering::Relaxed));
        if needed(this.rate) > left as f64 {
            break;
        }
        alone += this;
        turns += 1.0;
        for (site, sum) in sites.iter().zip(&mut sums) {
            let (load, served, begun) = (cpu_of("self"), site.cpu(), Instant::now());
            let turn = logins(site, &people, &next, span).await;
            sum.load += cpu_of("self") - load;
            sum.served += site.cpu() - served;
            sum.logins += turn.all;
            sum.span += begun.elapsed().as_secs_f64();
            sum.rate += turn.rate;
            sum.ratios.push(turn.rate / this.rate);
            sum.times.extend(turn.times);
        }
    }
    assert!(turns > 0.0, "there are not enough people for one turn");
    let (rate, cpu) = (alone.rate / turns, alone.cpu / turns * 1000.0);
    println!("full logins, {turns} turns; argon2id alone: {rate:.1}/s, {cpu:.1} ms CPU each");
    let bare = sites.iter().zip(&sums).find(|(site, _)| site.entrance == Entrance::Bare).map(|(_, sum)| sum.rate);
    for (site, sum) in sites.iter().zip(sums) {
        let rate = sum.rate;
        tell(site, sum, alone.rate, turns);
        if let Some(bare) = bare.filter(|_| site.entrance != Entrance::Bare) {
            println!("    {:.3} of the bare server", rate / bare);
        }
    }
}

impl Site {
    /// Processor time so far, in seconds.
    fn cpu(&self) -> f64 {
        self.nodes.iter().map(Process::cpu).sum()
    }
}

fn tell(site: &Site, mut sum: Sum, hashes: f64, turns: f64) {
    sum.times.sort_unstable();
    sum.ratios.sort_by(f64::total_cmp);
    let cores = std::thread::available_parallelism().unwrap().get() as f64;
    let (ratio, load) = (sum.rate / hashes, sum.load / sum.span / cores);
    println!(
        "  {}: {:.1}/s, {:.1} ms CPU each, p50 {:.0} ms, peak {:.0} MiB | ratio {ratio:.3} (single turns {:.2} to {:.2}) | the load takes \
         {:.1} % of the cores: {:.3} of what argon2id has without them",
        site.what,
        sum.rate / turns,
        sum.served / sum.logins as f64 * 1000.0,
        millis(sum.times[sum.times.len() / 2]),
        site.nodes.iter().map(|node| node.memory().1).sum::<f64>(),
        sum.ratios[0],
        sum.ratios[sum.ratios.len() - 1],
        load * 100.0,
        ratio / (1.0 - load),
    );
}

/// Logins in the first moments, and after the turn while the last ones end, do not count: then not all connections are
/// busy.
const ALL_AT_IT: Duration = Duration::from_millis(300);

/// The result of one turn.
struct Turn {
    rate: f64,
    times: Vec<Duration>,
    all: usize,
}

/// Eight users at a time sign in, one after the other, at the nodes in turn.
async fn logins(site: &Site, people: &Arc<Vec<Someone>>, next: &Arc<AtomicUsize>, span: Duration) -> Turn {
    let Site { nodes, entrance, .. } = site;
    let entrance = *entrance;
    // The yardstick requires no code, so any user may sign in again.
    let next = if entrance == Entrance::Bare { &Arc::default() } else { next };
    let begun = Instant::now();
    let counted = begun + ALL_AT_IT..begun + ALL_AT_IT + span;
    let end = counted.end;
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let (people, next, public) = (people.clone(), next.clone(), nodes[0].address.clone());
            let address = nodes[number % nodes.len()].address.clone();
            tokio::spawn(async move {
                let mut connection = Connection::to(&address).await;
                let mut logins = vec![];
                while Instant::now() < end {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let started = Instant::now();
                    entrance.login(&mut connection, &public, &people[number % people.len()]).await;
                    logins.push((Instant::now(), started.elapsed()));
                }
                logins
            })
        })
        .collect();
    let mut logins = vec![];
    for task in tasks {
        logins.extend(task.await.unwrap());
    }
    let in_time = logins.iter().filter(|(ended, _)| counted.contains(ended));
    let times: Vec<_> = in_time.map(|(_, took)| *took).collect();
    Turn { rate: times.len() as f64 / span.as_secs_f64(), times, all: logins.len() }
}

/// The result of hashing alone.
#[derive(Clone, Copy, Default)]
struct Alone {
    /// Hashes per second on all cores without other load.
    rate: f64,
    /// Processor time per hash, in seconds.
    cpu: f64,
}

impl AddAssign for Alone {
    fn add_assign(&mut self, other: Self) {
        self.rate += other.rate;
        self.cpu += other.cpu;
    }
}

fn argon2_alone(span: Duration) -> Alone {
    let (begun, before) = (Instant::now(), cpu_of("self"));
    let threads: Vec<_> = (0..std::thread::available_parallelism().unwrap().get())
        .map(|_| {
            std::thread::spawn(move || {
                let (mut hash, mut done) = (bare_hash::hasher(), 0_usize);
                while begun.elapsed() < span {
                    std::hint::black_box(hash());
                    done += 1;
                }
                done
            })
        })
        .collect();
    let done: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    Alone { rate: done as f64 / begun.elapsed().as_secs_f64(), cpu: (cpu_of("self") - before) / done as f64 }
}
