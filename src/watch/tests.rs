//! Real directories, real changes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;
use tokio::time::timeout;

use super::*;

/// Long enough on a loaded machine; only a failing test waits for all of it.
const LONG: Duration = Duration::from_secs(20);

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

async fn is_reported(watcher: &mut Watcher) {
    timeout(LONG, watcher.changed()).await.expect("the change was reported");
    assert_eq!(watcher.follow(), Vec::<String>::new());
}

/// Everything that happened before is read; then nothing may be left to report.
async fn is_not_reported(watcher: &mut Watcher, directory: &Path) {
    let marker = directory.join("marker");
    watcher.interests.push(Interest::Path(marker.clone()));
    watcher.follow();
    assert_eq!(watcher.changed, None);
    loop {
        // inotify keeps the order: once the marker is seen, all before it was.
        fs::write(&marker, "").unwrap();
        let Some(Ok(event)) = watcher.events.recv().await else { panic!("inotify failed") };
        if event.paths.contains(&marker) {
            return;
        }
        assert_eq!(watcher.news(Some(Ok(event.clone()))), News::Nothing, "{event:?}");
    }
}

fn on(path: PathBuf) -> Vec<Interest> {
    vec![Interest::Path(path)]
}

#[test]
fn a_write_a_rename_over_and_a_removal_are_seen() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("daemons.yml");
    fs::write(&file, "1").unwrap();
    block_on(async {
        let mut watcher = Watcher::new().unwrap();
        assert!(watcher.watch(on(file.clone())).is_empty());
        fs::write(&file, "2").unwrap();
        is_reported(&mut watcher).await;
        fs::write(dir.path().join("new"), "3").unwrap();
        fs::rename(dir.path().join("new"), &file).unwrap();
        is_reported(&mut watcher).await;
        fs::remove_file(&file).unwrap();
        is_reported(&mut watcher).await;
        fs::write(&file, "4").unwrap();
        is_reported(&mut watcher).await;
    });
}

/// Waits until `count` events are there to be read, and says whether reading them is enough for a report.
async fn is_reported_at_once(watcher: &mut Watcher, count: usize) -> bool {
    let deadline = Instant::now() + LONG;
    while watcher.events.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} events came", watcher.events.len());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // Polled once, nothing is waited for.
    futures_util::poll!(std::pin::pin!(watcher.changed())).is_ready()
}

#[test]
fn a_whole_file_is_reported_at_once_unless_something_was_a_moment_before() {
    let (dir, aside) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (file, version) = (dir.path().join("daemons.yml"), dir.path().join("VERSION"));
    fs::write(&file, "1").unwrap();
    let replace = |file: &Path| {
        fs::write(aside.path().join("new"), "2").unwrap();
        fs::rename(aside.path().join("new"), file).unwrap();
    };
    block_on(async {
        let mut watcher = Watcher::new().unwrap();
        let interests = vec![Interest::Whole(file.clone()), Interest::Path(version.clone())];
        assert!(watcher.watch(interests).is_empty());
        replace(&file);
        assert!(is_reported_at_once(&mut watcher, 1).await);

        // What has changed before it may not be through with it.
        watcher.reported = None;
        fs::write(&version, "1").unwrap();
        replace(&file);
        assert!(is_reported_at_once(&mut watcher, 3).await);
        is_reported(&mut watcher).await;

        // Soon after another.
        replace(&file);
        watcher.reported = Some(Instant::now() + LONG);
        assert!(!is_reported_at_once(&mut watcher, 1).await);
        is_reported(&mut watcher).await;

        // Written in place, it may be half of what it is to be.
        watcher.reported = None;
        fs::write(&file, "3").unwrap();
        assert!(!is_reported_at_once(&mut watcher, 1).await);
        is_reported(&mut watcher).await;
    });
}

#[test]
fn a_swapped_symlink_is_seen_and_its_new_target_followed() {
    let dir = TempDir::new().unwrap();
    for release in ["1", "2"] {
        fs::create_dir_all(dir.path().join("releases").join(release)).unwrap();
        fs::write(dir.path().join("releases").join(release).join("VERSION"), release).unwrap();
    }
    symlink("releases/1", dir.path().join("current")).unwrap();
    block_on(async {
        let mut watcher = Watcher::new().unwrap();
        assert!(watcher.watch(on(dir.path().join("current/VERSION"))).is_empty());
        symlink("releases/2", dir.path().join("next")).unwrap();
        fs::rename(dir.path().join("next"), dir.path().join("current")).unwrap();
        is_reported(&mut watcher).await;
        fs::write(dir.path().join("releases/2/VERSION"), "2b").unwrap();
        is_reported(&mut watcher).await;
        fs::write(dir.path().join("releases/1/VERSION"), "1b").unwrap();
        is_not_reported(&mut watcher, dir.path()).await;
    });
}

#[test]
fn a_mounted_volume_s_data_link_is_followed() {
    let dir = TempDir::new().unwrap();
    for version in ["..1", "..2"] {
        fs::create_dir(dir.path().join(version)).unwrap();
        fs::write(dir.path().join(version).join("daemons.yml"), version).unwrap();
    }
    symlink("..1", dir.path().join("..data")).unwrap();
    symlink("..data/daemons.yml", dir.path().join("daemons.yml")).unwrap();
    block_on(async {
        let mut watcher = Watcher::new().unwrap();
        assert!(watcher.watch(on(dir.path().join("daemons.yml"))).is_empty());
        symlink("..2", dir.path().join("..data_tmp")).unwrap();
        fs::rename(dir.path().join("..data_tmp"), dir.path().join("..data")).unwrap();
        is_reported(&mut watcher).await;
    });
}

#[test]
fn a_directory_that_comes_later_is_seen() {
    let dir = TempDir::new().unwrap();
    let late = dir.path().join("a/b/daemons.d");
    block_on(async {
        let mut watcher = Watcher::new().unwrap();
        assert!(watcher.watch(vec![Interest::Entries(late.clone())]).is_empty());
        fs::create_dir_all(&late).unwrap();
        is_reported(&mut watcher).await;
        fs::write(late.join("rqi.yml"), "x").unwrap();
        is_reported(&mut watcher).await;
        fs::remove_dir_all(dir.path().join("a")).unwrap();
        is_reported(&mut watcher).await;
    });
}

#[test]
fn neighbours_and_readers_are_no_news() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("VERSION");
    fs::write(&file, "1").unwrap();
    block_on(async {
        let mut watcher = Watcher::new().unwrap();
        assert!(watcher.watch(on(file.clone())).is_empty());
        fs::write(dir.path().join("else"), "x").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "1");
        is_not_reported(&mut watcher, dir.path()).await;
    });
}

#[test]
fn a_dropped_wait_loses_nothing() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("daemons.yml");
    block_on(async {
        let mut watcher = Watcher::new().unwrap();
        assert!(watcher.watch(on(file.clone())).is_empty());
        fs::write(&file, "1").unwrap();
        // One poll takes the event out of the kernel and is then dropped.
        assert!(futures_util::poll!(std::pin::pin!(watcher.changed())).is_pending());
        is_reported(&mut watcher).await;
    });
}

#[test]
fn a_directory_that_is_removed_and_made_again_is_watched_again() {
    let dir = TempDir::new().unwrap();
    let (folder, file) = (dir.path().join("app"), dir.path().join("app/VERSION"));
    block_on(async {
        let mut watcher = Watcher::new().unwrap();
        for _ in 0..5 {
            fs::create_dir_all(&folder).unwrap();
            assert!(watcher.watch(on(file.clone())).is_empty());
            // Within one tick of the clock it may get the same number and time of birth again.
            fs::remove_dir(&folder).unwrap();
            fs::create_dir(&folder).unwrap();
            assert!(watcher.watch(on(file.clone())).is_empty());
            // What became of the old one is heard first, and then all is looked at anew.
            is_reported(&mut watcher).await;
            fs::write(&file, "1").unwrap();
            is_reported(&mut watcher).await;
            fs::remove_file(&file).unwrap();
            is_reported(&mut watcher).await;
        }
    });
}
