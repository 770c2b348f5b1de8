//! A server of names (RFC 1035) that knows one name, which is this machine's, as the DNS of a cluster would.
use std::{
    collections::BTreeSet,
    io,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use tokio::{net::UdpSocket, task::JoinHandle};

/// Where it listens; resolvers know no other port than 53.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 53, 0, 1);
/// Bytes of a message before its questions.
const HEADER: usize = 12;
/// The flags of an answer: it is one, and recursion was available; and the code for a name that there is not.
const ANSWER: u16 = 0x8180;
const NO_SUCH_NAME: u16 = 3;
/// The type of an IPv4 address, and its class, the Internet.
const A: [u8; 4] = [0, 1, 0, 1];

pub struct Names {
    asked: Arc<Mutex<BTreeSet<String>>>,
    serving: JoinHandle<()>,
}

impl Names {
    /// Serves `known`, until it is dropped. Fails for those who may not listen on port 53.
    pub async fn serve(known: &'static str) -> io::Result<Self> {
        let socket = UdpSocket::bind((ADDRESS, 53)).await?;
        let asked: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let names = Arc::clone(&asked);
        let serving = tokio::spawn(async move {
            let mut question = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question).await {
                let (name, answer) = answer(&question[..length], known);
                names.lock().unwrap().insert(name);
                socket.send_to(&answer, from).await.unwrap();
            }
        });
        Ok(Self { asked, serving })
    }

    /// `/etc/resolv.conf` as a pod gets it: short names are looked for in the cluster first.
    pub fn resolv_conf() -> String {
        let search = "atlas-operator.svc.cluster.local svc.cluster.local cluster.local";
        format!("nameserver {ADDRESS}\nsearch {search}\noptions ndots:5\n")
    }

    /// Every name that was asked for.
    pub fn asked(&self) -> BTreeSet<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The name in a question, and the answer to it.
fn answer(question: &[u8], known: &str) -> (String, Vec<u8>) {
    let (mut labels, mut at) = (Vec::new(), HEADER);
    while question[at] != 0 {
        let length = usize::from(question[at]);
        labels.push(String::from_utf8_lossy(&question[at + 1..=at + length]).into_owned());
        at += length + 1;
    }
    let (name, end) = (labels.join("."), at + 1 + A.len());
    let is_known = name == known;
    let has_address = is_known && question[at + 1..end] == A;
    let flags = ANSWER | if is_known { 0 } else { NO_SUCH_NAME };
    let mut answer = question[..2].to_vec();
    for number in [flags, 1, u16::from(has_address), 0, 0] {
        answer.extend(number.to_be_bytes());
    }
    answer.extend(&question[HEADER..end]);
    if has_address {
        // The name as a pointer to the question, type and class, a minute to live, and four bytes of address.
        answer.extend([0xc0, 0x0c]);
        answer.extend(A);
        answer.extend([0, 0, 0, 60, 0, 4]);
        answer.extend(Ipv4Addr::LOCALHOST.octets());
    }
    (name, answer)
}
