//! Redis behind TLS, with users.

use std::net::TcpListener;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::*;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server that speaks TLS on this port, as `localhost`, with what the authority signed. It lets in
/// "gate" alone, with "open:sesame".
fn serve_tls(authority: &Authority) -> Option<(Redis, u16)> {
    let server = std::env::var_os("TOLLGATE_REDIS_SERVER").filter(|it| !it.is_empty());
    let Some(server) = server else {
        eprintln!("SKIPPED: TOLLGATE_REDIS_SERVER is not set");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    std::fs::write(folder.path().join("cert.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let number = port.to_string();
    let mut arguments = vec!["--bind", "127.0.0.1", "--tls-port", &number];
    arguments.extend(["--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem"]);
    arguments.extend(["--tls-auth-clients", "no", "--user", "default", "off"]);
    arguments.extend(["--user", "gate", "on", ">open:sesame", "~*", "+@all"]);
    let process = serve(Path::new(&server), folder.path(), &arguments);
    Some((Redis { process, folder }, port))
}

fn windows(url: &str, authorities: Option<String>) -> Windows {
    let authorities = authorities.map(String::into_bytes);
    Windows::new(&Secret::new(url), "t", authorities).unwrap()
}

#[tokio::test]
async fn it_counts_over_tls_with_user_and_password() {
    let (ours, others) = (authority(), authority());
    let Some((_redis, port)) = serve_tls(&ours) else {
        return;
    };
    let url = format!("rediss://gate:open%3Asesame@localhost:{port}/0");
    let trusted = windows(&url, Some(others.pem() + &ours.pem()));
    let asked = call(&[rates(1, 10, 0)], 1);
    let admitted = trusted.admit(&asked).await.unwrap();
    assert_eq!(admitted.requests_left, 9);
    trusted.try_out().await.unwrap();

    let refuses = async |url: &str, authorities: Option<String>| {
        let error = windows(url, authorities).try_out().await.unwrap_err();
        let error = error.to_string();
        assert!(!error.contains("sesame"), "{error}");
    };
    // Signed by somebody whom the system does not know, or who was not named.
    refuses(&url, None).await;
    refuses(&url, Some(others.pem())).await;
    let ours = Some(ours.pem());
    let other_name = url.replace("localhost", "127.0.0.1");
    refuses(&other_name, ours.clone()).await;
    refuses(&url.replace("sesame", "sesam"), ours.clone()).await;
    refuses(&url.replace("gate:", ":"), ours).await;
    refuses(&url.replace("rediss:", "redis:"), None).await;
}

#[tokio::test]
async fn authorities_that_are_none_are_refused() {
    for (url, pem) in [
        ("rediss://localhost", ""),
        ("rediss://localhost", "nonsense"),
        ("redis://localhost", &*authority().pem()),
    ] {
        let refused = Windows::new(&Secret::new(url), "t", Some(pem.into()));
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("REDIS_CA_FILE"), "{error}");
    }
}
