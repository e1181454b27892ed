using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using DurableGateway.Admin;
using DurableGateway.Listeners;
using DurableGateway.Protocol;

namespace DurableGateway.Dashboard;

/// <summary>
/// Sessions of the dashboard in two cookies: the session, authenticated with the <see cref="KeyRing"/>, and a random nonce that binds
/// forms to the browser. Nodes keep no session state, so any node can verify both.
/// </summary>
internal sealed class SessionCookies(ApiKeyValidator keys, AdminAccess access, KeyRing ring, TimeProvider time)
{
    public const string Cookie = "durable-session";
    public const string FormCookie = "durable-form";
    public const string FormField = "form";

    private const string SessionPurpose = "dashboard session";
    private const string FormPurpose = "dashboard form";
    private const int NonceBytes = 16;
    private static readonly TimeSpan Length = TimeSpan.FromHours(12);
    private static readonly object NonceItem = new();

    /// <summary>False until the store has answered, because a generated key is read from the store.</summary>
    public bool IsReady => ring.IsReady;

    public bool AreRequired => access.IsGuarded;

    /// <summary>
    /// The caller as named in histories, and whether the caller may act. The name is <see langword="null"/> if a login is required.
    /// </summary>
    public (string? Who, bool MayAct) Find(HttpContext context)
    {
        if (!access.IsGuarded) return ("dashboard", true);
        if (access.ByCertificate(context) is { } caller) return ($"dashboard, {caller.Who}", caller.Role == AdminRole.Operator);
        if (Read(context.Request.Cookies[Cookie]) is not { } name) return default;
        var role = keys.RoleOfName(name);
        return role == AdminRole.None ? default : ($"dashboard, key {name}", role == AdminRole.Operator);
    }

    /// <summary>Sets the session cookie if the key is valid.</summary>
    /// <returns>Whether the key is valid.</returns>
    public bool LogIn(HttpContext context, string key)
    {
        if (keys.Find(key) is not { } caller) return false;
        context.Response.Cookies.Append(Cookie, Sealed(caller.Who, time.GetUtcNow() + Length), Options(context.Request));
        return true;
    }

    public static void LogOut(HttpContext context) => context.Response.Cookies.Delete(Cookie, Options(context.Request));

    /// <summary>
    /// The token of the forms of a page, against cross-site request forgery. It is valid in this browser only.
    /// </summary>
    public string FormToken(HttpContext context)
    {
        if (Nonce(context.Request) is not { } nonce)
        {
            // All forms of a page share the nonce, whose cookie this response sets.
            nonce = context.Items.TryGetValue(NonceItem, out var made) ? (byte[])made! : RandomNumberGenerator.GetBytes(NonceBytes);
            context.Items[NonceItem] = nonce;
            context.Response.Cookies.Append(FormCookie, Base64Url.EncodeToString(nonce), Options(context.Request));
        }

        return Base64Url.EncodeToString(ring.Mac(FormPurpose, nonce));
    }

    /// <summary>Whether a posted form comes from a page of the dashboard in this browser.</summary>
    public bool IsOurForm(HttpRequest request, IFormCollection form)
    {
        // For browsers without Sec-Fetch-Site, the token alone decides.
        if (AdminAccess.IsOfForeignPage(request)) return false;
        var token = form[FormField].ToString();
        return Nonce(request) is { } nonce && Base64Url.IsValid(token) && ring.Verify(FormPurpose, nonce, Base64Url.DecodeFromChars(token));
    }

    private static byte[]? Nonce(HttpRequest request) =>
        request.Cookies[FormCookie] is { } text && text.Length == Base64Url.GetEncodedLength(NonceBytes) && Base64Url.IsValid(text)
            ? Base64Url.DecodeFromChars(text)
            : null;

    private static CookieOptions Options(HttpRequest request) =>
        new() { HttpOnly = true, SameSite = SameSiteMode.Strict, Secure = request.IsHttps, Path = "/", IsEssential = true };

    private string Sealed(string name, DateTimeOffset end)
    {
        var message = Message(name, end.ToUnixTimeSeconds());
        return Base64Url.EncodeToString([.. ring.Mac(SessionPurpose, message), .. message]);
    }

    private string? Read(string? cookie)
    {
        if (string.IsNullOrEmpty(cookie) || !Base64Url.IsValid(cookie)) return null;
        var bytes = Base64Url.DecodeFromChars(cookie);
        if (bytes.Length <= KeyRing.MacBytes + sizeof(long)) return null;
        var message = bytes.AsSpan(KeyRing.MacBytes);
        if (!ring.Verify(SessionPurpose, message, bytes.AsSpan(0, KeyRing.MacBytes))) return null;
        var end = DateTimeOffset.FromUnixTimeSeconds(BinaryPrimitives.ReadInt64BigEndian(message));
        return time.GetUtcNow() < end ? Encoding.UTF8.GetString(message[sizeof(long)..]) : null;
    }

    private static byte[] Message(string name, long end)
    {
        var message = new byte[sizeof(long) + Encoding.UTF8.GetByteCount(name)];
        BinaryPrimitives.WriteInt64BigEndian(message, end);
        Encoding.UTF8.GetBytes(name, message.AsSpan(sizeof(long)));
        return message;
    }
}
