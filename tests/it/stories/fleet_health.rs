//! What is said of a fleet whose engines and daemons come and go: by `doctor`, and by the ledger.

use serde_json::{Value, json};

use crate::harness::{Fleet, Ran, eventually};

const QUESTION: &str = "How do I return an item?";

#[track_caller]
fn says(ran: &Ran, lines: &[&str]) {
    for line in lines {
        assert!(ran.out.contains(line), "{line:?} is not in\n{}", ran.all());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doctor_says_what_a_fleet_lacks_and_the_ledger_what_waits_for_it() {
    let mut fleet = Fleet::start_managed().await;
    let home = fleet.home("gateway", None);
    let gateway = fleet.daemon(home).await;
    let admin = gateway.admin().await;
    for customer in ["li", "bo", "ann"] {
        gateway.http().say(customer, QUESTION).await;
    }
    let ran = gateway.home.run(&["doctor"]).await;
    assert!(!ran.ok, "{}", ran.all());
    says(
        &ran,
        &[
            "WRONG  no daemon takes messages from partitions 0, 1, 2, 3, 4, 5, 6, 7",
            "3 messages wait in the broker",
            "WRONG  no daemon that is alive does the work of a worker",
            "WRONG  no daemon that is alive does the work of a desk",
            "ok     the queues of all 8 partitions and of the dead letters answer",
        ],
    );
    let counts = |ledger: &Value| ["accepted", "decided", "waiting", "uncounted"].map(|count| ledger[count].clone());
    let waiting = [json!(3), json!(0), json!(3), json!([])];
    assert_eq!(counts(&gateway.ledger().await), waiting);
    assert_eq!(counts(&admin.get("/ledger").await), waiting);

    let home = fleet.home("all", None);
    let all = fleet.daemon(home).await;
    let decided = [json!(3), json!(3), json!(0), json!([])];
    eventually("all are decided", || async { (counts(&all.ledger().await) == decided).then_some(()) }).await;
    eventually("that is told by whoever is asked", || async {
        (counts(&admin.get("/ledger").await) == decided).then_some(())
    })
    .await;
    let ran = all.home.run(&["doctor"]).await;
    assert!(ran.ok && ran.out.contains("Nothing is wrong."), "{}", ran.all());
    says(
        &ran,
        &[
            "ok     PostgreSQL 1",
            "note   no standby receives PostgreSQL's log",
            "ok     this machine's clock is PostgreSQL's but for",
            "which is this version's",
            "ok     the ledger of 3 messages adds up",
            "ok     RabbitMQ ",
            "ok     every partition that answers has a daemon that takes its messages; 0 wait in the broker",
            "note   the broker has 1 of the 3 nodes with which one may be down",
            "ok     Redis ",
        ],
    );

    fleet.redis.kill().await;
    let ran = all.home.run(&["doctor"]).await;
    assert!(!ran.ok, "{}", ran.all());
    says(&ran, &["WRONG  redis://127.0.0.1", "nothing is lost", "ok     every partition that answers has a daemon"]);
    fleet.broker.kill().await;
    let ran = all.home.run(&["ledger"]).await;
    assert!(ran.ok, "{}", ran.all());
    says(&ran, &["in   accepted 3", "NOT COUNTED: what waits in the broker: the broker at 127.0.0.1", "It adds up."]);
    eventually("the daemon knows it too", || async {
        let ledger = admin.get("/ledger").await;
        let why = ledger["uncounted"][0].as_str()?;
        (ledger["accepted"] == 3 && why.contains("is away")).then_some(())
    })
    .await;
    fleet.postgres.kill();
    let ran = all.home.run(&["doctor"]).await;
    assert!(!ran.ok, "{}", ran.all());
    says(
        &ran,
        &[
            "WRONG  postgres://127.0.0.1",
            "WRONG  the broker at 127.0.0.1",
            "WRONG  redis://127.0.0.1",
            "note   the channels are not tried",
        ],
    );
}
