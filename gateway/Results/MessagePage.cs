using System.Net.Mime;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;

namespace DurableGateway.Results;

/// <summary>A small page for people: a title, a text and an action. It has no script and is not cached.</summary>
internal static class MessagePage
{
    private static readonly string Template = Load();

    /// <param name="context">The request.</param>
    /// <param name="status">The status of the response.</param>
    /// <param name="title">The title, as plain text.</param>
    /// <param name="text">The text, as plain text.</param>
    /// <param name="action">A form or link, as HTML.</param>
    public static async Task WriteAsync(HttpContext context, int status, string title, string text, string action = "")
    {
        var nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(18));
        var response = context.Response;
        response.StatusCode = status;
        response.ContentType = $"{MediaTypeNames.Text.Html}; charset=utf-8";
        response.Headers.CacheControl = "no-store";
        response.Headers.ContentSecurityPolicy =
            $"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
        response.Headers.XContentTypeOptions = "nosniff";
        if (HttpMethods.IsHead(context.Request.Method)) return;
        var page = Template.Replace("{{nonce}}", nonce, StringComparison.Ordinal).Replace("{{action}}", action, StringComparison.Ordinal)
            .Replace("{{title}}", HtmlEncoder.Default.Encode(title), StringComparison.Ordinal)
            .Replace("{{text}}", HtmlEncoder.Default.Encode(text), StringComparison.Ordinal);
        await response.Body.WriteAsync(Encoding.UTF8.GetBytes(page), context.RequestAborted);
    }

    private static string Load()
    {
        using var stream = typeof(MessagePage).Assembly.GetManifestResourceStream("message.html")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
