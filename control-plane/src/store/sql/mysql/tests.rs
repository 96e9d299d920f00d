use super::*;

fn check(text: &str, expected: &[&str]) {
    let plan = translate(text);
    let show = |form: &Form| {
        let mut arguments = form.arguments.iter();
        form.text
            .split('?')
            .map(|piece| match arguments.next() {
                Some(Argument::Value(at)) => format!("{piece}?{}", at + 1),
                Some(Argument::NewId) => format!("{piece}?new"),
                None => piece.to_owned(),
            })
            .collect::<String>()
    };
    let forms = [plan.before.as_ref(), Some(&plan.main), plan.after.as_ref()];
    let found: Vec<_> = forms.into_iter().flatten().map(show).collect();
    assert_eq!(found, expected);
}

#[test]
fn values_stand_in_the_order_of_their_places() {
    check(
        "SELECT id FROM groups WHERE groups.id = $2 AND x IN ($1, $2) LIMIT $10",
        &["SELECT id FROM `groups` WHERE `groups`.id = ?2 AND x IN (?1, ?2) LIMIT ?10"],
    );
    check(
        "SELECT CAST(sum(x) AS BIGINT), 'TEXT $1, groups' FROM t",
        &["SELECT CAST(sum(x) AS SIGNED), 'TEXT $1, groups' FROM t"],
    );
    check(
        "SELECT a FROM t WHERE lower(a) LIKE lower($1) ESCAPE '\\' OR b = $2",
        &["SELECT a FROM t WHERE lower(a) LIKE lower(?1) ESCAPE '\\' OR b = ?2"],
    );
}

#[test]
fn an_insert_with_a_conflict_is_one_statement() {
    check(
        "INSERT INTO t (a, b) VALUES ($1, $2) ON CONFLICT (a) DO UPDATE SET b = t.b + excluded.b",
        &["INSERT INTO t (a, b) VALUES (?1, ?2)  ON DUPLICATE KEY UPDATE  b = t.b + VALUES(b)"],
    );
    check(
        "INSERT INTO t (a) VALUES ($1) ON CONFLICT DO NOTHING",
        &["INSERT INTO t (a) VALUES (?1) "],
    );
    let noted = " ON DUPLICATE KEY UPDATE t.a = t.a";
    check(
        "INSERT INTO t (a, b) VALUES ($1, $2), ($3, f(4)) ON CONFLICT (a, b) DO NOTHING",
        &[&format!(
            "INSERT INTO t (a, b) VALUES (?1, ?2), (?3, f(4)) {noted}"
        )],
    );
    check(
        "INSERT INTO t (a, b) SELECT a, b FROM u ON CONFLICT (a, b) DO NOTHING",
        &[&format!("INSERT INTO t (a, b) SELECT a, b FROM u {noted}")],
    );
    assert!(translate("INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO NOTHING").may_be_there);
    assert!(!translate("INSERT INTO t (a) VALUES (1)").may_be_there);
}

#[test]
fn what_is_returned_is_read() {
    check(
        "INSERT INTO t (a) VALUES ($1) RETURNING id, a",
        &[
            "INSERT INTO t (a) VALUES (?1) ",
            "SELECT id, a FROM t WHERE id = ?new",
        ],
    );
    check(
        "INSERT INTO t (a, b, c) VALUES (f($1, 2), $2, 0) ON CONFLICT (b) DO UPDATE SET c = $3 \
         RETURNING c",
        &[
            "INSERT INTO t (a, b, c) VALUES (f(?1, 2), ?2, 0)  ON DUPLICATE KEY UPDATE  c = ?3 ",
            "SELECT c FROM t WHERE b =  ?2",
        ],
    );
    check(
        "UPDATE groups SET a = coalesce($2, a) WHERE id = $1 RETURNING a",
        &[
            "UPDATE `groups` SET a = coalesce(?2, a) WHERE id = ?1 ",
            "SELECT a FROM `groups` WHERE id = ?1 ",
        ],
    );
    check(
        "UPDATE t SET a = a RETURNING a",
        &["UPDATE t SET a = a ", "SELECT a FROM t"],
    );
    check(
        "DELETE FROM t WHERE a IN (SELECT id FROM groups WHERE b = $1) RETURNING hash",
        &[
            "SELECT hash FROM t WHERE a IN (SELECT id FROM `groups` WHERE b = ?1)  FOR UPDATE",
            "DELETE FROM t WHERE a IN (SELECT id FROM `groups` WHERE b = ?1) ",
        ],
    );
}

/// A statement that goes past here works until somebody runs it on MySQL.
#[test]
fn every_statement_of_the_store_goes_through_here() {
    let store = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let mut folders = vec![store.clone()];
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&store).unwrap().to_str().unwrap();
            // The layer itself, what is about one kind of database, and another program's tables.
            let may = ["sql", "migrate", "testing", "one_api"]
                .iter()
                .any(|it| name.starts_with(it));
            if path.is_dir() {
                folders.push(path);
            } else if !may {
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(!text.contains("sqlx::query"), "{name}: use sql(…)");
                read += 1;
            }
        }
    }
    assert!(read > 40);
}
