using System.Runtime.CompilerServices;

namespace DurableGateway.Tests.Support;

/// <summary>The Redis user with exactly the rights that <c>config/README.md</c> documents.</summary>
internal static class DocumentedUser
{
    private const string Password = "s3cret";
    private const string Begin = "ACL SETUSER durable-gateway ";

    public const string Login = "user=durable-gateway,password=" + Password;

    /// <param name="server">The server that gets the user.</param>
    /// <param name="changes">ACL rules after the documented rights.</param>
    public static async Task AddAsync(RedisServer server, params string[] changes)
    {
        var lines = await File.ReadAllLinesAsync(Path.Combine(Here(), "../../../config/README.md"));
        var line = lines.Single(each => each.StartsWith(Begin, StringComparison.Ordinal));
        var said = await RedisCluster.AskAsync(server,
            [.. line.Replace(">PASSWORD", ">" + Password, StringComparison.Ordinal).Split(' '), .. changes]);
        Assert.Equal("OK", said.Trim());
    }

    /// <summary>The commands, keys and channels that the server has refused to any user.</summary>
    public static Task<string> RefusedAsync(RedisServer server) => RedisCluster.AskAsync(server, "ACL", "LOG");

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
