use super::*;

#[test]
fn pauses_double_up_to_an_hour_and_spread() {
    for (attempts, seconds) in [(1, 2.0), (2, 4.0), (5, 32.0), (13, 3600.0), (400, 3600.0)] {
        let pause = pause_after(attempts).as_secs_f64();
        assert!(pause >= seconds * 0.9 && pause <= seconds * 1.1, "{attempts}: {pause}");
    }
}
