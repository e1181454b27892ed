using System.Text;
using DurableGateway.Runs;

namespace DurableGateway.Dashboard;

/// <summary>Writes a stored request as a curl command for a POSIX shell. Masked values stay masked.</summary>
internal static class Curl
{
    // curl sets these itself. A stored Content-Length would be wrong for an edited body.
    private static readonly string[] Own = ["Host", "Content-Length", "Transfer-Encoding", "Connection"];

    public static string Of(StoredRequest request)
    {
        var text = new StringBuilder();
        var body = BodyContent.AsText(request.Body);
        var isCut = request.Body.Length > BodyContent.MaxChars;
        if (body is null && !isCut)
            text.Append("printf %s ").Append(Quoted(Convert.ToBase64String(request.Body.Span))).Append(" | base64 -d | ");
        text.Append("curl -X ").Append(Quoted(request.Method)).Append(' ').Append(Quoted(Target(request)));
        foreach (var (name, value) in request.Headers)
        {
            if (!Own.Contains(name, StringComparer.OrdinalIgnoreCase)) text.Append(" \\\n  -H ").Append(Quoted($"{name}: {value}"));
        }

        if (request.Body.IsEmpty) return text.ToString();
        return text.Append(" \\\n  --data-binary ").Append(isCut ? "@body" : body is null ? "@-" : Quoted(body)).ToString();
    }

    private static string Target(StoredRequest request)
    {
        var host = request.Headers.FirstOrDefault(line => line.Name.Equals("Host", StringComparison.OrdinalIgnoreCase)).Value
            ?? request.LocalAddress;
        return $"{request.Scheme}://{host}{request.RawTarget}";
    }

    /// <summary>Single quotes: the shell interprets nothing between them.</summary>
    private static string Quoted(string text) => $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
