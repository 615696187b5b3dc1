//! The pages that people see. They work without JavaScript, and everything that came from outside is
//! escaped.

use super::Site;
use super::authorize::{CARRIED, Request};
use super::scopes;
use super::store::Device;
use crate::answer::{Answer, HTML};
use crate::request::Call;
use crate::secret::Secret;
use crate::world::{Account, User};

const STYLE: &str = "\
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}\
body{margin:0;display:grid;place-items:center;min-height:100vh;background:#f5f4f9;color:#28272d}\
main{width:min(30rem,calc(100% - 2rem));box-sizing:border-box;padding:2rem;margin:1rem;\
background:#fff;border:1px solid #dcdcde;border-radius:.5rem}\
h1{font-size:1.4rem;line-height:1.3;margin:0 0 1rem}\
label{display:block;font-weight:600;margin:1rem 0 .25rem}\
input[type=text],input[type=password]{width:100%;box-sizing:border-box;font:inherit;\
padding:.5rem;border:1px solid #737278;border-radius:.25rem;background:inherit;color:inherit}\
button{font:inherit;font-weight:600;padding:.5rem 1.25rem;border-radius:.25rem;cursor:pointer;\
border:1px solid #737278;background:transparent;color:inherit}\
button.main{background:#1f75cb;border-color:#1f75cb;color:#fff}\
:focus-visible{outline:3px solid #1f75cb;outline-offset:2px}\
.row{display:flex;flex-wrap:wrap;gap:.75rem;margin-top:1.5rem}\
.problem{border-left:4px solid #dd2b0e;padding:.5rem 1rem;margin:1rem 0}\
.soft{color:#626168}code{overflow-wrap:anywhere}\
@media(prefers-color-scheme:dark){body{background:#18171d;color:#ececef}\
main{background:#28272d;border-color:#4c4b51}.soft{color:#bfbfc3}}";

/// Text for an element or a quoted attribute.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

fn page(status: u16, title: &str, content: &str) -> Answer {
    let title = escape(title);
    let body = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} · GitLab simulator</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <main>\n<h1>{title}</h1>\n{content}</main>\n</body>\n</html>\n"
    );
    Answer::text(status, HTML, body)
        .with("Cache-Control", "no-store")
        // A form that is answered with a redirect needs its goal in `form-action`, which for an
        // application may be any address; so that directive stays open.
        .with(
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
        )
        .with("X-Frame-Options", "DENY")
        .with("X-Content-Type-Options", "nosniff")
        .with("Referrer-Policy", "no-referrer")
}

fn hidden(name: &str, value: &str) -> String {
    let (name, value) = (escape(name), escape(value));
    format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">\n")
}

fn csrf_field(csrf: &Secret) -> String {
    hidden("authenticity_token", csrf.expose())
}

fn problem(text: Option<&str>) -> String {
    text.map_or_else(String::new, |text| {
        format!("<p class=\"problem\" role=\"alert\">{}</p>\n", escape(text))
    })
}

pub(super) fn sign_in(site: &Site<'_>, csrf: &Secret, wrong: Option<&str>) -> Answer {
    let status = if wrong.is_some() { 422 } else { 200 };
    let content = format!(
        "{}<form method=\"post\" action=\"{}/users/sign_in\">\n{}\
         <label for=\"user_login\">Username</label>\n\
         <input type=\"text\" id=\"user_login\" name=\"user[login]\" autocomplete=\"username\" \
         autocapitalize=\"none\" spellcheck=\"false\" required autofocus>\n\
         <label for=\"user_password\">Password</label>\n\
         <input type=\"password\" id=\"user_password\" name=\"user[password]\" \
         autocomplete=\"current-password\" required>\n\
         <div class=\"row\"><button class=\"main\" type=\"submit\">Sign in</button></div>\n</form>\n",
        problem(wrong),
        escape(site.prefix),
        csrf_field(csrf),
    );
    page(status, "Sign in", &content)
}

pub(super) fn signed_in(site: &Site<'_>, user: &User, csrf: &Secret) -> Answer {
    let content = format!(
        "<p>You are signed in as <strong>{}</strong>.</p>\n\
         <form method=\"post\" action=\"{}/users/sign_out\">\n{}\
         <div class=\"row\"><button type=\"submit\">Sign out</button></div>\n</form>\n",
        escape(&user.username),
        escape(site.prefix),
        csrf_field(csrf),
    );
    page(200, "Welcome", &content)
}

/// Who is asked, with a warning when it is an administrator.
fn asked(user: &User) -> String {
    let warning = (user.account == Account::Admin).then_some(
        "You are an administrator, which means authorizing access will allow it to interact with \
         GitLab as an administrator as well.",
    );
    format!(
        "<p class=\"soft\">Signed in as {} (@{})</p>\n{}",
        escape(&user.name),
        escape(&user.username),
        problem(warning)
    )
}

fn scope_list(scopes: &[String]) -> String {
    let rows: Vec<String> = scopes
        .iter()
        .map(|scope| {
            let text = escape(scopes::describe(scope));
            format!("<li>{text} <code>{}</code></li>\n", escape(scope))
        })
        .collect();
    let rows = rows.concat();
    format!("<p>This application will be able to:</p>\n<ul>\n{rows}</ul>\n")
}

pub(super) fn consent(
    site: &Site<'_>,
    user: &User,
    csrf: &Secret,
    request: &Request,
    call: &Call,
) -> Answer {
    let carried: String = CARRIED
        .iter()
        .filter_map(|name| Some(hidden(name, call.field(name)?)))
        .collect();
    let (action, csrf) = (escape(site.prefix), csrf_field(csrf));
    let content = format!(
        "{}<p>An application called <strong>{}</strong> is requesting access to your GitLab \
         account.</p>\n{}<div class=\"row\">\n\
         <form method=\"post\" action=\"{action}/oauth/authorize\">\n{csrf}{carried}\
         <button class=\"main\" type=\"submit\">Authorize</button>\n</form>\n\
         <form method=\"post\" action=\"{action}/oauth/authorize\">\n{csrf}{carried}{}\
         <button type=\"submit\">Deny</button>\n</form>\n</div>\n",
        asked(user),
        escape(&request.application.name),
        scope_list(&request.scopes),
        hidden("_method", "delete"),
    );
    let title = format!(
        "Authorize {} to use your account?",
        request.application.name
    );
    page(200, &title, &content)
}

pub(super) fn device_code(
    site: &Site<'_>,
    csrf: &Secret,
    typed: &str,
    wrong: Option<&str>,
) -> Answer {
    let status = if wrong.is_some() { 422 } else { 200 };
    let content = format!(
        "{}<form method=\"post\" action=\"{}/oauth/device/confirm\">\n{}\
         <label for=\"user_code\">Enter the code that your device shows</label>\n\
         <input type=\"text\" id=\"user_code\" name=\"user_code\" value=\"{}\" maxlength=\"8\" \
         autocomplete=\"off\" autocapitalize=\"characters\" spellcheck=\"false\" required \
         autofocus>\n\
         <div class=\"row\"><button class=\"main\" type=\"submit\">Continue</button></div>\n</form>\n",
        problem(wrong),
        escape(site.prefix),
        csrf_field(csrf),
        escape(typed),
    );
    page(status, "Authorize a device", &content)
}

pub(super) fn device_consent(
    site: &Site<'_>,
    user: &User,
    csrf: &Secret,
    application: &str,
    device: &Device,
) -> Answer {
    let content = format!(
        "{}<p>A device with the application <strong>{}</strong> asks for access to your GitLab \
         account. Please make sure that you intended to authorize this device.</p>\n{}\
         <form method=\"post\" action=\"{}/oauth/device\">\n{}{}<div class=\"row\">\n\
         <button class=\"main\" type=\"submit\" name=\"decision\" value=\"authorize\">Authorize\
         </button>\n<button type=\"submit\" name=\"decision\" value=\"deny\">Deny</button>\n\
         </div>\n</form>\n",
        asked(user),
        escape(application),
        scope_list(&device.scopes),
        escape(site.prefix),
        csrf_field(csrf),
        hidden("user_code", &device.user_code),
    );
    page(200, "Authorize this device?", &content)
}

pub(super) fn notice(title: &str, text: &str) -> Answer {
    page(
        200,
        title,
        &format!("<p role=\"status\">{}</p>\n", escape(text)),
    )
}

pub(super) fn error(status: u16, name: &str, text: &str) -> Answer {
    let content = format!(
        "{}<p><code>{}</code></p>\n",
        problem(Some(text)),
        escape(name)
    );
    page(status, "An error has occurred", &content)
}

/// A form that was not made for this browser.
pub(super) fn forged() -> Answer {
    let text = "The change you requested was rejected. Go back, reload the page and try again.";
    error(422, "invalid_authenticity_token", text)
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn nothing_leaves_its_attribute_or_element() {
        assert_eq!(
            escape("\"><script>alert('&')</script>"),
            "&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;"
        );
    }
}
