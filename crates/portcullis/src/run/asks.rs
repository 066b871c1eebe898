//! Answering what gates ask for, in a thread of its own.

use super::control::Running;
use super::judge::{Judge, Powers};
use crate::report;
use crate::supervision::{Asked, Seldom};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// Between two lines in the log about what was refused.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// Answers until there is no gate and none to come.
pub(super) fn answer(asks: Receiver<Asked>, running: &Arc<Running>) -> std::io::Result<()> {
    let running = Arc::downgrade(running);
    let thread = std::thread::Builder::new().name("asks".to_owned());
    thread.spawn(move || {
        let (mut judge, mut refused) = (Judge::new(Instant::now()), Seldom::new(BETWEEN_LINES));
        for asked in &asks {
            if !one(asked, &mut judge, &mut refused, &running) {
                return;
            }
        }
    })?;
    Ok(())
}

/// Answers one; says whether there are others to come.
fn one(asked: Asked, judge: &mut Judge, refused: &mut Seldom, running: &Weak<Running>) -> bool {
    // The keeper is kept from ending only while this is looked at.
    let Some(running) = running.upgrade() else { return false };
    let powers: &dyn Powers = running.as_ref();
    if let Err((what, why)) = asked.answer(|ask| judge.judge(ask, powers, Instant::now()))
        && let Some(times) = refused.again(Instant::now())
    {
        let others = match times - 1 {
            0 => String::new(),
            others => format!("; {others} others were refused before"),
        };
        report::warning(format_args!("the gate asked for {what} and was refused: {why}{others}"));
    }
    true
}
