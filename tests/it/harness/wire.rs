//! A wire between a daemon and a server, which can be cut: then nothing comes through either way, and nobody is told.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// The wire. Connections over it end with it.
pub struct Wire {
    /// The server's address, by way of the wire.
    pub url: String,
    whole: watch::Sender<bool>,
}

impl Wire {
    /// A wire to a server on loopback.
    pub async fn to(url: &str) -> Self {
        let (before, rest) = url.rsplit_once(':').unwrap();
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let server: u16 = rest[..digits].parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{before}:{}{}", listener.local_addr().unwrap().port(), &rest[digits..]);
        let (whole, told) = watch::channel(true);
        tokio::spawn(async move {
            let mut gone = told.clone();
            loop {
                let (near, _) = tokio::select! {
                    accepted = listener.accept() => accepted.unwrap(),
                    Err(_) = gone.changed() => return,
                };
                tokio::spawn(carry(near, server, told.clone()));
            }
        });
        Self { url, whole }
    }

    /// Nothing comes through any more; what is under way waits.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Everything comes through again.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn carry(near: TcpStream, server: u16, mut whole: watch::Receiver<bool>) {
    if whole.wait_for(|whole| *whole).await.is_err() {
        return;
    }
    let Ok(far) = TcpStream::connect(("127.0.0.1", server)).await else { return };
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    tokio::select! {
        () = one_way(near_in, far_out, whole.clone()) => {}
        () = one_way(far_in, near_out, whole) => {}
    }
}

async fn one_way(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut whole: watch::Receiver<bool>) {
    let mut bytes = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if whole.wait_for(|whole| *whole).await.is_err() || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
    // An end that was reached while the wire was cut is not seen before it is mended.
    let _ = whole.wait_for(|whole| *whole).await;
}
