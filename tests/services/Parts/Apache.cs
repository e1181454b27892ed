namespace DurableGateway.Services.Parts;

/// <summary>An Apache httpd with the modules that a part needs.</summary>
internal static class Apache
{
    private const string Modules = "/usr/lib/apache2/modules";

    public static string Module(string name) => $"{Modules}/mod_{name}.so";

    public static Task<Server> StartAsync(string directory, string[] modules, string configuration) => Server.StartAsync("apache2", port =>
    {
        var file = Path.Combine(directory, "httpd.conf");
        string[] all = ["mpm_event", "authz_core", "alias", "env", "mime", "headers", .. modules];
        File.WriteAllText(file, $"""
            ServerRoot {directory}
            ServerName 127.0.0.1
            Listen 127.0.0.1:{port}
            PidFile {directory}/httpd.pid
            DefaultRuntimeDir {directory}
            ErrorLog {directory}/error.log
            LogLevel warn
            TypesConfig /dev/null
            DocumentRoot {directory}
            AllowEncodedSlashes NoDecode
            {string.Join('\n', all.Select(module => $"LoadModule {module}_module {Module(module)}"))}
            {(Environment.UserName == "root" ? "User www-data\nGroup www-data" : "")}
            <Directory />
              Require all granted
            </Directory>
            {configuration}
            """);
        return Command.Start(directory, Command.Find("apache2")!, "-f", file, "-DFOREGROUND");
    });

    /// <summary>A directory in which the server may write.</summary>
    public static string Open(string directory, string name)
    {
        var path = Directory.CreateDirectory(Path.Combine(directory, name)).FullName;
        File.SetUnixFileMode(path, (UnixFileMode)0b111_111_111);
        return path;
    }
}
