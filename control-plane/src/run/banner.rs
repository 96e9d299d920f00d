//! What `run` prints when it serves: all that a newcomer needs, ready to paste.

use std::path::Path;

use crate::cli::RunArgs;

pub(super) fn text(args: &RunArgs, demo_token: &Path) -> String {
    let url = args.control.listen.local_url();
    let admin = if args
        .control
        .admin_key
        .as_ref()
        .is_some_and(|key| !key.is_empty())
    {
        "from ADMIN_KEY".to_owned()
    } else {
        args.control.data.join("admin.key").display().to_string()
    };
    let mut text = format!(
        "\nTollgate serves on {url}\n\
         \x20 admin key   {admin}\n\
         \x20 data        {}\n",
        args.control.data.display()
    );
    match std::fs::read_to_string(demo_token) {
        Ok(token) => text += &calls(&url, token.trim(), demo_token),
        Err(_) => text += "  token       make one at POST /api/token/<group>\n",
    }
    text
}

fn calls(url: &str, token: &str, file: &Path) -> String {
    format!(
        "\x20 demo token  {token}   (kept in {})\n\
         \n\
         Try it, in OpenAI's dialect and in Anthropic's:\n\
         \n\
         curl -N {url}/v1/chat/completions -H 'Authorization: Bearer {token}' \\\n\
         \x20 -H 'Content-Type: application/json' \\\n\
         \x20 -d '{{\"model\":\"demo\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'\n\
         \n\
         curl -N {url}/v1/messages -H 'x-api-key: {token}' \\\n\
         \x20 -H 'anthropic-version: 2023-06-01' -H 'Content-Type: application/json' \\\n\
         \x20 -d '{{\"model\":\"demo\",\"max_tokens\":256,\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'\n\
         \n",
        file.display()
    )
}
