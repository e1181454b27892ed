using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

/// <summary>The contract on a Redis whose user has the rights of <c>config/README.md</c> and no others.</summary>
public sealed class DocumentedUserStoreTests : StoreContract, IClassFixture<DocumentedUserStoreFixture>
{
    public DocumentedUserStoreTests(DocumentedUserStoreFixture fixture) : base(fixture) => RedisServer.SkipIfMissing();
}

/// <summary>Fails if the server has refused anything when the tests end.</summary>
public sealed class DocumentedUserStoreFixture : StoreFixture
{
    private RedisServer? _server;

    internal override string ConnectionString => $"{_server!.ConnectionString},{DocumentedUser.Login}";

    private protected override async Task<bool> StartAsync()
    {
        if (RedisServer.Missing is not null) return false;
        _server = await RedisServer.StartAsync();

        // The tests themselves list all keys and remove some.
        await DocumentedUser.AddAsync(_server, "+scan", "+unlink");
        return true;
    }

    private protected override async ValueTask StopAsync()
    {
        if (_server is null) return;
        await using (_server) Assert.Equal("", (await DocumentedUser.RefusedAsync(_server)).Trim());
    }
}
