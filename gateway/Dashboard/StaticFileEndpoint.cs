using System.Collections.Frozen;
using System.Reflection;
using System.Security.Cryptography;
using Microsoft.Net.Http.Headers;

namespace DurableGateway.Dashboard;

/// <summary>Serves style sheets, script, icon and documents from embedded resources, so that pages load nothing from other sites.</summary>
internal static class StaticFileEndpoint
{
    public const string Path = "/_durable/dashboard/";

    private const string Prefix = "dashboard/";

    private static readonly FrozenDictionary<string, Asset> All = Load();

    /// <summary>The address of an asset. It changes with the content, so that browsers can cache the asset permanently.</summary>
    public static string Url(string name) => $"{Path}{name}?v={All[name].Version}";

    public static async Task ServeAsync(HttpContext context)
    {
        var response = context.Response;
        if (context.Request.RouteValues["name"] is not string name || !All.TryGetValue(name, out var asset))
        {
            response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        response.ContentType = asset.ContentType;
        response.Headers.CacheControl = "public, max-age=31536000, immutable";
        response.Headers[HeaderNames.XContentTypeOptions] = "nosniff";
        response.ContentLength = asset.Bytes.Length;
        await response.Body.WriteAsync(asset.Bytes, context.RequestAborted);
    }

    private static FrozenDictionary<string, Asset> Load()
    {
        var assembly = Assembly.GetExecutingAssembly();
        return assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
            .ToFrozenDictionary(name => name[Prefix.Length..], name =>
            {
                using var stream = assembly.GetManifestResourceStream(name)!;
                var bytes = new byte[stream.Length];
                stream.ReadExactly(bytes);
                return new Asset(TypeOf(name), bytes, Convert.ToHexStringLower(SHA256.HashData(bytes))[..12]);
            });
    }

    private static string TypeOf(string name) => System.IO.Path.GetExtension(name) switch
    {
        ".css" => "text/css; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".svg" => "image/svg+xml",
        ".md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };

    private sealed record Asset(string ContentType, byte[] Bytes, string Version);
}
