//! One turn of a thread after the other.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use contract::Thread;

use crate::inbox::Delivery;

/// Messages that wait for the one before them in the same thread.
#[derive(Default)]
pub struct Lanes(Mutex<HashMap<Thread, VecDeque<Delivery>>>);

impl Lanes {
    fn lock(&self) -> MutexGuard<'_, HashMap<Thread, VecDeque<Delivery>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a message in its lane; returns it when the lane was empty, for whoever opens the lane.
    pub(super) fn join(&self, thread: &Thread, delivery: Delivery) -> Option<Delivery> {
        let mut lanes = self.lock();
        if let Some(lane) = lanes.get_mut(thread) {
            lane.push_back(delivery);
            return None;
        }
        lanes.insert(thread.clone(), VecDeque::new());
        Some(delivery)
    }

    /// The next message of a lane; the lane closes when there is none.
    pub(super) fn next(&self, thread: &Thread) -> Option<Delivery> {
        let mut lanes = self.lock();
        let next = lanes.get_mut(thread).and_then(VecDeque::pop_front);
        if next.is_none() {
            lanes.remove(thread);
        }
        next
    }
}
