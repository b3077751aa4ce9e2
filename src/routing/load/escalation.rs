//! `escalate:` of a queue or a handoff.

use super::{queues::some_seconds, read, rules::first_line};
use crate::routing::{
    facts::Priority,
    finding::{Notes, suggest},
    rule::Escalation,
    yaml::Node,
};

/// Steps of an escalation. `from` is where and how urgently its conversation begins to wait, as far as that is known;
/// `queues` are the names that there are.
///
/// The steps go with the conversation, so what the queues on its way say about escalation does not matter: two queues
/// that escalate to each other send nothing round in circles.
pub(super) fn escalations(
    node: &Node,
    from: (&str, Option<Priority>),
    queues: &[&str],
    notes: &mut Notes<'_>,
) -> Vec<Escalation> {
    let mut steps: Vec<Escalation> = Vec::new();
    let mut way = Way { left: Vec::new(), queue: from.0, priority: from.1 };
    for node in read::list(node, "escalate", notes).unwrap_or_default() {
        let Some(fields) = read::fields(node, "a step of escalate", &["after", "queue", "priority"], notes) else {
            continue;
        };
        let after = fields.get("after").and_then(|node| some_seconds(node, "`after`", notes));
        let queue = fields.get("queue").and_then(|node| Some((node, read::text(node, "a queue", notes)?)));
        if let Some((node, name)) = queue.filter(|(_, name)| !queues.contains(name)) {
            let help = suggest(name, queues.iter().copied());
            notes.error(&node.span, format!("there is no queue “{name}”"), help);
        }
        let priority = fields.get("priority");
        let priority = priority.and_then(|node| Some((node, read::priority(node, notes)?)));
        let Some(after) = after.filter(|_| queue.is_some() || priority.is_some()) else {
            let help = "write {after: 2m, queue: overflow} or {after: 5m, priority: urgent}";
            notes.error(&first_line(node), "a step says after how long, and which queue or priority", help);
            continue;
        };
        if steps.last().is_some_and(|before| after <= before.after) {
            notes.error(&first_line(node), "each step comes later than the one before", "");
            continue;
        }
        way.step(queue, priority, notes);
        let (queue, priority) = (queue.map(|(_, name)| name.to_owned()), priority.map(|(_, priority)| priority));
        steps.push(Escalation { after, queue, priority });
    }
    steps
}

/// How a conversation has come as far as it is.
struct Way<'n> {
    /// The queues that it has left.
    left: Vec<&'n str>,
    queue: &'n str,
    priority: Option<Priority>,
}

impl<'n> Way<'n> {
    /// Takes a step, and notes what it is no use for.
    fn step(&mut self, queue: Option<(&'n Node, &'n str)>, priority: Option<(&Node, Priority)>, notes: &mut Notes<'_>) {
        if let Some((node, name)) = queue {
            if name == self.queue {
                let message = format!("it waits in “{name}” already at this step");
                notes.warn(&node.span, message, "name another queue, or take `queue` out");
            } else if self.left.contains(&name) {
                let message = format!("this step takes it back to “{name}”, and away from those of “{}”", self.queue);
                let help = "it waits in one queue at a time, and those here were asked before: name a third queue, or end before this step";
                notes.warn(&node.span, message, help);
            }
            self.left.push(std::mem::replace(&mut self.queue, name));
        }
        if let Some((node, priority)) = priority {
            let now = priority.as_str();
            match self.priority.replace(priority) {
                Some(before) if before == priority => {
                    let message = format!("its priority is {now} already at this step");
                    notes.warn(&node.span, message, "name a higher one, or take `priority` out");
                }
                Some(before) if before > priority => {
                    let message = format!("this step takes its priority from {} down to {now}", before.as_str());
                    notes.warn(&node.span, message, "what has waited longer would be served later: name a higher one");
                }
                _ => {}
            }
        }
    }
}
