//! Where a call may go: to the system that a file declares, below its URL, and to no address that stands for this machine
//! or the network around it unless the file says that this is meant.
//!
//! Names are resolved here, and the connection is made to what was looked at: a name that answers otherwise the second time
//! (DNS rebinding) gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Which addresses may be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Those of the internet.
    Public,
    /// Those of the company's own network too, and this machine.
    Private,
}

/// What an address stands for.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Public,
    Private,
    /// Nothing that a business system has: link-local, where clouds keep their metadata; multicast; reserved.
    Never,
}

impl Reach {
    /// Whether one may connect to an address.
    #[must_use]
    pub fn admits(self, address: IpAddr) -> bool {
        match kind(address) {
            Kind::Public => true,
            Kind::Private => self == Self::Private,
            Kind::Never => false,
        }
    }

    /// Looks at the host of a URL where it is an address; names are looked at when they are resolved.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub fn check(self, url: &Url) -> Result<(), String> {
        let address: IpAddr = match url.host() {
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err("it has no host".to_owned()),
        };
        if self.admits(address) { Ok(()) } else { Err(Refused(address.to_string()).to_string()) }
    }
}

/// A host that is none of those that one may connect to.
#[derive(Debug, thiserror::Error)]
#[error("{0} is no address of the internet: `private: true` allows the company's own network, and nothing more")]
pub(super) struct Refused(String);

/// The special-purpose registries of IANA (RFC 6890 and what was added since).
fn kind(address: IpAddr) -> Kind {
    match address {
        IpAddr::V4(address) => kind_of_v4(address),
        IpAddr::V6(address) => kind_of_v6(address),
    }
}

fn kind_of_v4(address: Ipv4Addr) -> Kind {
    match address.octets() {
        [10, ..] | [127, ..] | [192, 168, ..] | [100, 64..=127, ..] | [172, 16..=31, ..] => Kind::Private,
        // "This network", link-local with metadata, protocol assignments and documentation, benchmarks, multicast and above.
        [0, ..] | [169, 254, ..] | [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18 | 19, ..] => Kind::Never,
        [198, 51, 100, _] | [203, 0, 113, _] | [224..=255, ..] => Kind::Never,
        _ => Kind::Public,
    }
}

fn kind_of_v6(address: Ipv6Addr) -> Kind {
    if let Some(address) = address.to_ipv4_mapped() {
        return kind_of_v4(address);
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] | [0xfc00..=0xfdff, ..] => Kind::Private,
        // NAT64 leads to an IPv4 address that nobody has looked at.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [a, b, c, d] = [high >> 8, high & 0xff, low >> 8, low & 0xff].map(|part| part.to_le_bytes()[0]);
            kind_of_v4(Ipv4Addr::new(a, b, c, d))
        }
        // 6to4 and Teredo carry addresses too.
        [0x2002, ..] | [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] => Kind::Never,
        [0x2000..=0x3fff, ..] => Kind::Public,
        _ => Kind::Never,
    }
}

impl Resolve for Reach {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = *self;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let admitted: Vec<SocketAddr> = found.into_iter().filter(|found| reach.admits(found.ip())).collect();
            if admitted.is_empty() {
                return Err(Refused(name.as_str().to_owned()).into());
            }
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_public_private_or_never_meant() {
        for (address, expected) in [
            ("93.184.216.34", Kind::Public),
            ("2606:2800:220:1::1", Kind::Public),
            ("::ffff:93.184.216.34", Kind::Public),
            ("64:ff9b::5db8:d822", Kind::Public),
            ("10.1.2.3", Kind::Private),
            ("127.0.0.1", Kind::Private),
            ("172.16.0.1", Kind::Private),
            ("172.32.0.1", Kind::Public),
            ("192.168.1.1", Kind::Private),
            ("100.64.0.1", Kind::Private),
            ("::1", Kind::Private),
            ("fd12::1", Kind::Private),
            ("::ffff:127.0.0.1", Kind::Private),
            ("64:ff9b::7f00:1", Kind::Private),
            ("169.254.169.254", Kind::Never),
            ("::ffff:169.254.169.254", Kind::Never),
            ("64:ff9b::a9fe:a9fe", Kind::Never),
            ("fe80::1", Kind::Never),
            ("0.0.0.0", Kind::Never),
            ("::", Kind::Never),
            ("224.0.0.1", Kind::Never),
            ("255.255.255.255", Kind::Never),
            ("198.18.0.1", Kind::Never),
            ("203.0.113.7", Kind::Never),
            ("2001:db8::1", Kind::Never),
            ("2002:a00:1::1", Kind::Never),
            ("ff02::1", Kind::Never),
        ] {
            assert_eq!(kind(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn however_an_address_is_written_it_is_the_same() {
        for url in
            ["http://127.0.0.1/", "http://0x7f.1/", "http://2130706433/", "http://[::ffff:7f00:1]/", "http://127.1/"]
        {
            let url = Url::parse(url).unwrap();
            assert!(Reach::Public.check(&url).is_err(), "{url}");
            assert!(Reach::Private.check(&url).is_ok(), "{url}");
        }
        let metadata = Url::parse("http://169.254.169.254/latest/meta-data").unwrap();
        assert!(Reach::Private.check(&metadata).is_err(), "not even where the own network is meant");
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_refused_when_it_is_resolved() {
        let name = || "localhost".parse::<Name>().unwrap();
        let Err(error) = Reach::Public.resolve(name()).await else { panic!("it is this machine") };
        assert!(error.to_string().contains("private: true"), "{error}");
        assert!(Reach::Private.resolve(name()).await.is_ok_and(|mut found| found.next().is_some()));
    }
}
