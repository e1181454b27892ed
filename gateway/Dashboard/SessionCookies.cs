using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using DurableGateway.Admin;
using DurableGateway.Listeners;
using DurableGateway.Protocol;

namespace DurableGateway.Dashboard;

/// <summary>
/// Who uses the dashboard, in two cookies that any node can check: the session, under a MAC of the <see cref="KeyRing"/>, and a random
/// one that forms are bound to. Nothing of either is kept on a node.
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

    /// <summary>Keys that the store generates are there only once it has answered.</summary>
    public bool IsReady => ring.IsReady;

    public bool AreRequired => access.IsGuarded;

    /// <summary>
    /// Who the request is from, as histories name them, and what they may do; <see langword="null"/> where they have to log in.
    /// </summary>
    public (string? Who, bool MayAct) Find(HttpContext context)
    {
        if (!access.IsGuarded) return ("dashboard", true);
        if (access.ByCertificate(context) is { } caller) return ($"dashboard, {caller.Who}", caller.Role == AdminRole.Operator);
        if (Read(context.Request.Cookies[Cookie]) is not { } name) return default;
        var role = keys.RoleOfName(name);
        return role == AdminRole.None ? default : ($"dashboard, key {name}", role == AdminRole.Operator);
    }

    /// <returns>Whether it is a key; then the response sets the session's cookie.</returns>
    public bool LogIn(HttpContext context, string key)
    {
        if (keys.Find(key) is not { } caller) return false;
        context.Response.Cookies.Append(Cookie, Sealed(caller.Who, time.GetUtcNow() + Length), Options(context.Request));
        return true;
    }

    public static void LogOut(HttpContext context) => context.Response.Cookies.Delete(Cookie, Options(context.Request));

    /// <summary>
    /// What the forms of a page carry. Only a page that was read from here can know it, and it is good for this browser only.
    /// </summary>
    public string FormToken(HttpContext context)
    {
        if (Nonce(context.Request) is not { } nonce)
        {
            // Two forms on one page have to agree on the cookie that is only now being set.
            nonce = context.Items.TryGetValue(NonceItem, out var made) ? (byte[])made! : RandomNumberGenerator.GetBytes(NonceBytes);
            context.Items[NonceItem] = nonce;
            context.Response.Cookies.Append(FormCookie, Base64Url.EncodeToString(nonce), Options(context.Request));
        }

        return Base64Url.EncodeToString(ring.Mac(FormPurpose, nonce));
    }

    /// <summary>Whether a posted form comes from one of our pages in this browser.</summary>
    public bool IsOurForm(HttpRequest request, IFormCollection form)
    {
        // Browsers say where a request comes from; those that do not are held to the token alone.
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
