//! The class of addresses at the edges of each range, and what stands for what.

use super::ip;
use crate::permissions::special::{Class, Reach, class, is_private};

#[test]
fn every_range_ends_where_its_registry_says() {
    use Class::*;
    let table = [
        (
            Public,
            "1.0.0.0 9.255.255.255 11.0.0.0 172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0",
        ),
        (
            Public,
            "126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0 100.63.255.255 100.128.0.0",
        ),
        (
            Public,
            "191.255.255.255 192.0.1.0 192.0.3.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0",
        ),
        (
            Public,
            "192.88.98.255 192.88.100.0 198.17.255.255 198.20.0.0 223.255.255.255 8.8.8.8",
        ),
        (
            Private,
            "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255",
        ),
        (Loopback, "127.0.0.0 127.0.0.1 127.255.255.255 ::1"),
        (
            LinkLocal,
            "169.254.0.0 169.254.255.255 169.254.169.253 fe80:: febf:ffff::1",
        ),
        (Shared, "100.64.0.0 100.127.255.255"),
        (
            Reserved,
            "0.0.0.0 0.255.255.255 192.0.0.0 192.0.0.255 192.88.99.1 240.0.0.0 255.255.255.255",
        ),
        (
            Documentation,
            "192.0.2.0 192.0.2.255 198.51.100.1 203.0.113.1 2001:db8::1 2001:db8:ffff::1",
        ),
        (Documentation, "3fff:: 3fff:fff:ffff::1"),
        (Benchmark, "198.18.0.0 198.19.255.255 2001:2::1"),
        (Multicast, "224.0.0.0 239.255.255.255 ff00:: ff02::1 ffff::1"),
        (UniqueLocal, "fc00:: fd00::1 fdff:ffff::1"),
        (
            Public,
            "2000:: 2001:200:: 2001:db7:ffff::1 2001:db9:: 2606:4700:4700::1111 3ffe::1 3fff:1000::",
        ),
        // The IETF's assignments, SRv6, the retired site-local range, discard, local translation, the rest.
        (
            Reserved,
            "2001:1::1 2001:1ff::1 2001:2:1::1 5f00::1 fec0::1 100::1 100:0:0:1::1 64:ff9b:1::1",
        ),
        (
            Reserved,
            "4000:: 1fff:ffff::1 fe00:: fbff:ffff::1 ::ffff:0:7f00:1 200::1",
        ),
        (
            Metadata,
            "169.254.169.254 169.254.170.2 169.254.170.23 100.100.100.200 168.63.129.16 192.0.0.192",
        ),
        (
            Metadata,
            "169.254.42.42 169.254.0.23 169.254.10.10 fd00:ec2::254 fd00:ec2::23 fd20:ce::254",
        ),
        (
            Metadata,
            "fd00:c1::a9fe:a9fe fe80::a9fe:a9fe fd00:a9fe:a9fe::1 fd00:100::100:200 fd00:42::42",
        ),
        // 169.254.169.254 behind local translation prefixes of 48, 56, 64 and 96 bits.
        (
            Metadata,
            "64:ff9b:1:a9fe:a9:fe00:: 64:ff9b:1:a9:fe:a9fe:: 64:ff9b:1:0:a9:fea9:fe00:0",
        ),
        (Metadata, "64:ff9b:1::a9fe:a9fe"),
    ];
    for (wanted, addresses) in table {
        for address in addresses.split(' ') {
            assert_eq!(class(ip(address)), wanted, "{address}");
        }
    }
}

#[test]
fn private_means_what_the_rule_language_says() {
    use Class::*;
    let private = [Loopback, Private, UniqueLocal, LinkLocal, Shared];
    let other = [Public, Metadata, Multicast, Documentation, Benchmark, Reserved];
    assert!(private.into_iter().all(is_private));
    assert!(!other.into_iter().any(is_private));
}

#[test]
fn addresses_that_stand_for_others_are_unwrapped() {
    // What is asked for, what is connected to, what rules are compared with.
    let table = [
        ("10.0.0.5", "10.0.0.5", "10.0.0.5"),
        ("2606:4700::1111", "2606:4700::1111", "2606:4700::1111"),
        ("0.0.0.0", "127.0.0.1", "127.0.0.1"),
        ("::", "::1", "::1"),
        ("::1", "::1", "::1"),
        ("::ffff:10.0.0.5", "10.0.0.5", "10.0.0.5"),
        ("::ffff:0.0.0.0", "127.0.0.1", "127.0.0.1"),
        ("::10.0.0.5", "::10.0.0.5", "10.0.0.5"),
        ("::2", "::2", "0.0.0.2"),
        ("64:ff9b::a00:5", "64:ff9b::a00:5", "10.0.0.5"),
        ("64:ff9b::", "64:ff9b::", "127.0.0.1"),
        (
            "64:ff9b:0:0:1::a00:5",
            "64:ff9b:0:0:1::a00:5",
            "64:ff9b:0:0:1::a00:5",
        ),
        ("2002:7f00:1::9", "2002:7f00:1::9", "127.0.0.1"),
        // Client 192.0.2.45 behind server 65.54.227.120, the example of RFC 4380's readers.
        (
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "192.0.2.45 65.54.227.120",
        ),
    ];
    for (asked, dialled, compared) in table {
        let reach = Reach::of(ip(asked));
        assert_eq!(reach.dial, ip(dialled), "{asked}");
        assert_eq!(
            reach.addresses().collect::<Vec<_>>(),
            compared.split(' ').map(ip).collect::<Vec<_>>(),
            "{asked}"
        );
    }
}
