use super::*;
use crate::domain::{Role, Status};
use crate::store::testing::with_store;

fn new_user(name: &str) -> NewUser {
    NewUser {
        username: name.into(),
        email: String::new(),
        role: Role::User,
        status: Status::Enabled,
        password: None,
    }
}

#[tokio::test]
async fn an_identity_has_one_user() {
    with_store(async |store| {
        let anna = store.create_user_of_identity(new_user("anna"), "i", "1");
        let anna = anna.await.unwrap();
        assert!(!anna.has_password);
        let again = store.create_user_of_identity(new_user("bert"), "i", "1");
        assert!(matches!(again.await, Err(Error::Conflict(_))));
        // Nothing is left of what failed.
        let bert = store.create_user(new_user("bert")).await.unwrap();
        let taken = store.add_identity(bert.id, "i", "1").await;
        assert!(matches!(taken, Err(Error::Conflict(_))));
        let nobody = store.add_identity(9999, "i", "2").await;
        assert!(matches!(nobody, Err(Error::NotFound(_))));
        store.add_identity(bert.id, "other", "1").await.unwrap();
        for (issuer, subject, user) in [
            ("i", "1", Some(anna.id)),
            ("other", "1", Some(bert.id)),
            ("i", "2", None),
        ] {
            let found = store.user_of_identity(issuer, subject).await.unwrap();
            assert_eq!(found.map(|user| user.id), user, "{issuer} {subject}");
        }
        let linked = store.identities(bert.id).await.unwrap();
        assert_eq!(linked.len(), 1);
        assert_eq!(
            (linked[0].issuer.as_str(), linked[0].subject.as_str()),
            ("other", "1")
        );
        store.remove_identities(bert.id).await.unwrap();
        assert!(store.identities(bert.id).await.unwrap().is_empty());
        store.delete_users("me", &[anna.id]).await.unwrap();
        assert_eq!(store.user_of_identity("i", "1").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_comes_back_once_and_is_given_out_once() {
    with_store(async |store| {
        let identity = Identity {
            issuer: "i".into(),
            subject: "1".into(),
            username: Some("anna".into()),
            email: None,
            role: Some(Role::ReadOnly),
        };
        let later = now_unix_ms() + 60_000;
        let state = [7; 32];
        let (one, two) = tokio::join!(
            store.begin_oidc_login(state, later),
            store.begin_oidc_login(state, later)
        );
        assert_ne!(one.unwrap(), two.unwrap());
        assert_eq!(store.take_oidc_identity(state).await.unwrap(), None);
        store.keep_oidc_identity(state, &identity).await.unwrap();
        let (one, two) = tokio::join!(
            store.take_oidc_identity(state),
            store.take_oidc_identity(state)
        );
        let taken: Vec<Identity> = [one.unwrap(), two.unwrap()].into_iter().flatten().collect();
        assert_eq!(taken, [identity]);
        assert!(!store.begin_oidc_login(state, later).await.unwrap());
        // What is over is forgotten with the next one.
        assert!(store.begin_oidc_login([8; 32], 1).await.unwrap());
        assert!(store.begin_oidc_login([9; 32], later).await.unwrap());
        assert!(store.begin_oidc_login([8; 32], later).await.unwrap());
    })
    .await;
}
