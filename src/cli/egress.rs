//! The way out to Atlas, from the settings, and again when the files that they name change.
//!
//! The files are looked at, not watched, for the reason that [`reload`](super::reload) gives.
use std::time::Duration;

use super::options::Options;
use crate::atlas::Egress;

/// How often the files are looked at. The kubelet needs up to a minute to bring a changed ConfigMap or Secret there.
const EVERY: Duration = Duration::from_secs(5);

/// The way that was read at the start.
pub(super) fn of(options: &Options) -> Egress {
    Egress {
        authorities: options.atlas_ca_file.as_ref().map(|file| file.content.clone()).unwrap_or_default(),
        proxy: options.atlas_proxy.clone(),
        proxy_credentials: options.atlas_proxy_credentials.as_ref().map(|folder| folder.content.clone()),
    }
}

/// The way as the files have it now, or which of them cannot be used.
fn again(options: &Options) -> Result<Egress, String> {
    let named = |name: &'static str| move |reason: String| format!("{name}: {reason}");
    let mut egress = of(options);
    if let Some(file) = &options.atlas_ca_file {
        egress.authorities = file.again().map_err(named("--atlas-ca-file"))?;
    }
    if let Some(folder) = &options.atlas_proxy_credentials {
        egress.proxy_credentials = Some(folder.again().map_err(named("--atlas-proxy-credentials"))?);
    }
    Ok(egress)
}

/// Takes calls another way whenever the files say so, for ever. What cannot be used is told of once, and changes nothing.
pub(super) async fn follow(options: Options, mut reroute: impl FnMut(Egress)) {
    let mut in_effect = of(&options);
    let mut said = None;
    loop {
        // A standby may have waited for long, so the first look comes at once.
        match again(&options) {
            Ok(fresh) => {
                said = None;
                if fresh != in_effect {
                    tracing::info!("certificates or the proxy's credentials have changed; new connections use them");
                    reroute(fresh.clone());
                    in_effect = fresh;
                }
            }
            Err(error) if said.as_ref() != Some(&error) => {
                tracing::warn!(error, "the way to Atlas cannot be changed; the old one stays");
                said = Some(error);
            }
            Err(_) => {}
        }
        tokio::time::sleep(EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::{cell::RefCell, ffi::OsString, path::Path};

    use super::*;
    use crate::cli::{Action, configuration};

    fn options(folder: &Path) -> Options {
        let path = |name: &str| folder.join(name).display().to_string();
        let arguments = [
            "atlas-operator".to_owned(),
            "run".to_owned(),
            "--atlas-proxy=http://proxy.example:3128".to_owned(),
            format!("--atlas-ca-file={}", path("ca.crt")),
            format!("--atlas-proxy-credentials={}", path("")),
        ];
        match configuration::read(&arguments.map(OsString::from)).unwrap().action {
            Action::Run(options) => *options,
            Action::Crds(_) | Action::Rbac(_) | Action::Version => panic!("not what was asked for"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_way_changes_with_the_files_and_stays_when_they_cannot_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let authority = || rcgen::generate_simple_self_signed(["one.example".to_owned()]).unwrap().cert.pem();
        let (first, second) = (authority(), authority());
        write("ca.crt", &first);
        write("username", "operator\n");
        write("password", "before\n");
        let options = options(folder.path());
        let start = of(&options);
        assert!(start.proxy_credentials.is_some() && start.proxy.is_some());

        let taken = RefCell::new(Vec::new());
        let steps = async {
            let rest = || tokio::time::sleep(EVERY * 2);
            rest().await;
            assert_eq!(taken.borrow().len(), 0, "nothing has changed");
            write("ca.crt", "not a certificate");
            rest().await;
            std::fs::remove_file(folder.path().join("ca.crt")).unwrap();
            rest().await;
            assert_eq!(taken.borrow().len(), 0, "what cannot be used changes nothing");
            write("ca.crt", &(first + &second));
            rest().await;
            write("password", "after\n");
            rest().await;
        };
        tokio::select! {
            () = follow(options.clone(), |egress| taken.borrow_mut().push(egress)) => {}
            () = steps => {}
        }
        let taken = taken.into_inner();
        let [authorities, password] = taken.as_slice() else { panic!("{taken:?}") };
        assert_ne!(authorities.authorities, start.authorities);
        assert_eq!(authorities.proxy_credentials, start.proxy_credentials);
        assert_ne!(password.proxy_credentials, start.proxy_credentials);
        assert_eq!(password.proxy, start.proxy);
        // A standby that becomes the leader now looks at once.
        let mut late = None;
        let patience = tokio::time::timeout(EVERY / 2, follow(options, |egress| late = Some(egress)));
        assert!(patience.await.is_err());
        assert_eq!(late.as_ref(), Some(password));
    }
}
